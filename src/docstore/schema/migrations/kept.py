"""What migrations took out of documents or wrote over, kept so that the way back is exact.

Rows of the collection `MigrationKept`, one for each batch: for every document in it the state of the changed paths
before and after. Rows of the way "undo" lead back; going back writes rows of the way "redo", so that what was made up
on the way there (random values, instants) is made up once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bson import ObjectId, encode
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from docstore.schema.migrations.values import (
    MISSING,
    Row,
    put_state,
    same,
    state_of,
    update_to,
)

KEPT: Final = "MigrationKept"
"""The collection of the kept values."""

_ROW_BYTES: Final = 4_000_000
_SLICE: Final = 20
"""Ids in one `$in`: larger ones slow some servers down by more than their number."""

Session = AsyncClientSession | None
Backward = Callable[[Row], None]
Item = tuple[Any, Mapping[str, Any], Mapping[str, Any]]


class KeptRows:
    """The kept rows of one migration and one thing it does.

    Args:
        database: the raw database.
        migration: the migration's name.
        key: names what it does, the same on the way there and back.
        collection: the collection whose documents it is about.
        bypass: whether writes pass by the collection's validator.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        migration: str,
        key: str,
        collection: str,
        *,
        bypass: bool = False,
    ) -> None:
        self._database = database
        self._rows = database[KEPT]
        self._of = {"migration": migration, "key": key, "collection": collection}
        self._collection = collection
        self._bypass = bypass

    async def keep(self, way: str, items: Iterable[Item], session: Session) -> None:
        """Keep states for a way: (document's id, its paths before, its paths after)."""
        for chunk in _chunked(_packed(*each) for each in items):
            await self._insert(way, chunk, session)

    async def count(self, way: str, session: Session = None) -> int:
        """How many documents' states are kept."""
        pipeline: list[dict[str, Any]] = [
            {"$match": {**self._of, "way": way}},
            {"$group": {"_id": None, "n": {"$sum": {"$size": "$docs"}}}},
        ]
        found = await (await self._rows.aggregate(pipeline, session=session)).to_list()
        return int(found[0]["n"]) if found else 0

    async def next_row(self, way: str, session: Session = None) -> Row | None:
        """The newest row of a way: what was done last is taken back first."""
        return await self._rows.find_one({**self._of, "way": way}, sort=[("_id", -1)], session=session)

    async def flip(
        self, row: Row, session: Session, *, backward: Backward | None = None, again: bool = True
    ) -> tuple[int, int]:
        """Give a row's documents the state it keeps; those that changed since are left.

        Args:
            row: from `next_row`.
            session: of the transaction in which all this happens.
            backward: what was already done to every document on the way back.
            again: whether to keep the states found, for the other way.

        Returns:
            How many documents were changed, and how many were left.
        """
        items = {str_id(each["i"]): (each["i"], *_unpacked(each)) for each in row["docs"]}
        fields = {path.split(".")[0]: 1 for _, was, to in items.values() for path in (*was, *to)}
        documents = self._database[self._collection]
        ids = [each["i"] for each in row["docs"]]
        updates: list[UpdateOne] = []
        flipped: list[Row] = []
        for start in range(0, len(ids), _SLICE):
            found = documents.find({"_id": {"$in": ids[start : start + _SLICE]}}, fields or {"_id": 1}, session=session)
            async for document in found:
                id_, was, to = items[str_id(document["_id"])]
                change = _change_back(document, was, to, backward)
                if change is None:
                    continue
                if change:
                    updates.append(UpdateOne({"_id": id_}, update_to(change)))
                flipped.append(_packed(id_, to, was))
        if updates:
            await documents.bulk_write(
                updates, ordered=False, session=session, bypass_document_validation=self._bypass or None
            )
        if again:
            for chunk in _chunked(flipped):
                await self._insert("redo" if row["way"] == "undo" else "undo", chunk, session)
        await self._rows.delete_one({"_id": row["_id"]}, session=session)
        return len(updates), len(ids) - len(flipped)

    async def mark(self) -> None:
        """Write down that there is nothing to take back."""
        await self._rows.update_one({**self._of, "way": "undo"}, {"$set": {"docs": []}}, upsert=True)

    async def is_marked(self) -> bool:
        """Whether there is nothing to take back."""
        return await self._rows.find_one({**self._of, "way": "undo"}, {"_id": 1}) is not None

    async def _insert(self, way: str, docs: list[Row], session: Session) -> None:
        row = {"_id": ObjectId(), **self._of, "way": way, "docs": docs}
        await self._rows.insert_one(row, session=session)


async def prepare_kept(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Make the collection ahead: two transactions cannot both make it."""
    await database[KEPT].create_index([("migration", 1), ("key", 1), ("way", 1)], name="ix_migration_key_way")


async def forget_kept(database: AsyncDatabase[dict[str, Any]], migration: str, way: str | None = None) -> int:
    """Remove what was kept for a migration; afterwards its way back is no longer exact. Returns the rows removed."""
    of = {"migration": migration} if way is None else {"migration": migration, "way": way}
    return (await database[KEPT].delete_many(of)).deleted_count


def str_id(value: Any) -> str:
    """An id as a key of a Python dict: ids may be sub-documents, and 1, 1.0 and true are three of them."""
    return f"{type(value).__name__}:{value!r}"


def _change_back(
    document: Row, was: Mapping[str, Any], to: Mapping[str, Any], backward: Backward | None
) -> dict[str, Any] | None:
    """What gives the document its kept state; None when it changed since."""
    expected: Row = {}
    put_state(expected, to)
    if backward is not None:
        backward(expected)
    now, before = state_of(document, was), state_of(expected, was)
    if not all(same(value, before[path]) for path, value in now.items()):
        return None
    return {path: was[path] for path in was if not same(now[path], was[path])}


def _packed(id_: Any, was: Mapping[str, Any], to: Mapping[str, Any]) -> Row:
    # Paths hold dots, so they are values here, not names; what is missing is said by leaving the value out.
    packed: Row = {"i": id_, "p": list(was)}
    for name, state in (("w", was), ("t", to)):
        packed[name] = [[] if state[path] is MISSING else [state[path]] for path in was]
    return packed


def _unpacked(item: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    was, to = (
        {path: value[0] if value else MISSING for path, value in zip(item["p"], item[name], strict=True)}
        for name in ("w", "t")
    )
    return was, to


def _chunked(items: Iterable[Row]) -> Iterable[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for item in items:
        length = len(encode(item))
        if chunk and size + length > _ROW_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += length
    if chunk:
        yield chunk
