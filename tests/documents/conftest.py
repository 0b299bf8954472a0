"""Collections with living and deleted documents, watched byte for byte from behind the guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId, decode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pydantic import BaseModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase

from docstore.errors import DocstoreError

LONG_AGO = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "from the grave"
DEAD_NUMBER = 1000
"""Living documents have small numbers, deleted ones numbers from here on: no sum, maximum or count hides one."""

MARKINGS: Mapping[str, Mapping[str, Any]] = {
    "deletedAt": {"deletedAt": LONG_AGO},
    "isDeleted": {"isDeleted": True},
    "status": {"status": "DELETED"},
    "ours": {
        "deletedAt": LONG_AGO,
        "isDeleted": True,
        "deletedBy": "user:1",
        "createdAt": LONG_AGO,
        "updatedAt": LONG_AGO,
    },
}


@dataclass
class Graveyard:
    """One raw collection: two living documents, and one deleted for each way of marking."""

    raw: AsyncCollection[dict[str, Any]]
    extra: Mapping[str, Any] = field(default_factory=dict)
    living: list[ObjectId] = field(default_factory=list)
    dead: dict[str, ObjectId] = field(default_factory=dict)
    as_buried: dict[ObjectId, bytes] = field(default_factory=dict)

    secret = SECRET
    dead_number = DEAD_NUMBER

    async def dig(self) -> Graveyard:
        """Fill the collection."""
        for number, slug in enumerate(("living-1", "living-2"), start=1):
            document = {
                "slug": slug,
                "secret": "of the living",
                "number": number,
                "group": "g",
                "tags": ["a"],
                **self.extra,
            }
            self.living.append((await self.raw.insert_one(document)).inserted_id)
        for number, (name, marks) in enumerate(MARKINGS.items()):
            document = {
                "slug": f"dead-{name}",
                "secret": SECRET,
                "number": DEAD_NUMBER + number,
                "group": "g",
                "tags": ["buried"],
                "parent": self.living[0],
                **self.extra,
                **marks,
            }
            self.dead[name] = (await self.raw.insert_one(document)).inserted_id
        self.as_buried = await self.contents()
        return self

    @property
    def ids(self) -> list[ObjectId]:
        """The deleted documents' ids."""
        return list(self.dead.values())

    @property
    def filters(self) -> list[dict[str, Any]]:
        """Filters that all match deleted documents, or would."""
        return [
            {"secret": SECRET},
            {"_id": {"$in": self.ids}},
            {"number": {"$gte": DEAD_NUMBER}},
            {"$or": [{"secret": SECRET}, {"_id": {"$in": self.ids}}]},
            {"$and": [{"secret": SECRET}]},
            {"$nor": [{"number": {"$lt": DEAD_NUMBER}}]},
            {"$expr": {"$eq": ["$secret", SECRET]}},
            {"status": "DELETED"},
            {"status": {"$in": ["DELETED", None]}, "secret": SECRET},
            *({"_id": each} for each in self.ids),
            *({"slug": f"dead-{name}"} for name in self.dead),
        ]

    async def contents(self) -> dict[ObjectId, bytes]:
        """The deleted documents as the server stores them."""
        raw_bson: Any = self.raw.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
        cursor = raw_bson.find({"_id": {"$in": self.ids}})
        return {document["_id"]: document.raw async for document in cursor}

    async def assert_untouched(self, *, new: int = 0) -> None:
        """Every deleted document is there, byte for byte, and the collection holds nothing unexpected.

        Args:
            new: how many documents were inserted on purpose.
        """
        assert await self.contents() == self.as_buried
        assert await self.raw.count_documents({}) == len(self.living) + len(self.dead) + new

    async def attempt(self, call: Callable[[], Any]) -> Any:
        """What a call gave back, drained and awaited; a refusal gives None."""
        try:
            return await drained(call())
        except DocstoreError:
            return None

    def assert_hidden(self, seen: Any) -> None:
        """Nothing of a deleted document shows in what a call gave back."""
        told = list(_leaves(seen))
        for leaf in told:
            assert leaf not in self.ids, f"the id of a deleted document shows in {seen!r}"
            assert SECRET not in str(leaf), f"a deleted document shows in {seen!r}"
            if isinstance(leaf, int | float) and not isinstance(leaf, bool):
                assert leaf < DEAD_NUMBER, f"a deleted document's number is in {seen!r}"


async def drained(value: Any) -> Any:
    """A value for inspection: awaitables awaited, cursors and queries read to their end."""
    if isinstance(value, list | tuple):
        return [await drained(each) for each in value]
    if isinstance(value, AsyncCursor | AsyncCommandCursor):
        return await value.to_list()
    if isinstance(value, Awaitable):
        return await drained(await value)
    if hasattr(value, "to_list"):
        return await value.to_list()
    return value


def _leaves(value: Any) -> Any:
    if isinstance(value, BaseModel):
        value = value.__dict__
    if isinstance(value, bytes):
        yield from _raw_batch(value)
        return
    if isinstance(value, Mapping):
        for key, nested in value.items():
            yield key
            yield from _leaves(nested)
    elif isinstance(value, list | tuple | set | frozenset):
        for nested in value:
            yield from _leaves(nested)
    elif hasattr(value, "raw_result"):
        yield from _leaves(value.raw_result)
    elif hasattr(value, "bulk_api_result"):
        yield from _leaves(value.bulk_api_result)
    else:
        yield value


def _raw_batch(batch: bytes) -> Any:
    while batch:
        size = int.from_bytes(batch[:4], "little")
        yield from _leaves(decode(batch[:size]))
        batch = batch[size:]


Dig = Callable[..., Awaitable[Graveyard]]


@pytest.fixture
def graveyard(database: AsyncDatabase[dict[str, Any]]) -> Dig:
    """Make a graveyard of a collection: `await graveyard("Name")`."""

    async def dig(name: str, **extra: Any) -> Graveyard:
        return await Graveyard(database[name], extra).dig()

    return dig
