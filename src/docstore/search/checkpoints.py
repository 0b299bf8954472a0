"""How far a reindex got, so that the next one goes on where a killed one stopped."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final

from bson.json_util import dumps, loads
from pydantic import Field

from docstore.documents import Index, Json, PydanticObjectId, SystemDocument, UtcDateTime, translated, utc_now
from docstore.search.building import Part
from docstore.search.scanning import Range

GOOD_FOR: Final = timedelta(days=5)
"""How old a reindex may be and still be gone on with: the changes since its start must still be in the log."""

_log = logging.getLogger("docstore.search")


class Stage(StrEnum):
    """What a reindex is at: writing the new index, putting it in the old one's place, following what came after."""

    BUILDING = "BUILDING"
    MOVING = "MOVING"
    MOVED = "MOVED"


class SearchReindex(SystemDocument):
    """A reindex that is under way, or stopped half-way. The id is the index's name.

    `started_at` and `replayed_to` are the database server's: everything that was committed later is still to be
    replayed. `replicas` are those that the index had before the move. `first`: there was no index before.
    """

    id: str  # type: ignore[assignment]  # Beanie lets a model choose its type of id
    temporary: str
    stage: Stage
    started_at: UtcDateTime
    replayed_to: UtcDateTime
    parts: list[dict[str, Json]]
    previous: int
    first: bool = False
    replicas: list[Json] = Field(default_factory=list)

    indexes: ClassVar[Sequence[Index]] = ()

    @classmethod
    async def load(cls, index: str) -> "SearchReindex | None":
        """The one of an index."""
        return await cls.find_one({"_id": index})

    def is_usable(self, now: datetime) -> bool:
        """Whether what changed since its start is still known."""
        return now - self.started_at < GOOD_FOR

    def read_parts(self) -> list[Part]:
        """The ranges, and how far each is done."""
        return [_part(each) for each in self.parts]

    async def keep(self, parts: Sequence[Part] | None = None, **changes: Any) -> None:
        """Write down how far it got."""
        for name, value in changes.items():
            setattr(self, name, value)
        if parts is not None:
            self.parts = [_row(part) for part in parts]
        row = {
            "temporary": self.temporary,
            "stage": self.stage.value,
            "startedAt": self.started_at,
            "replayedTo": self.replayed_to,
            "parts": self.parts,
            "previous": self.previous,
            "first": self.first,
            "replicas": self.replicas,
            "updatedAt": utc_now(),
        }
        with translated(self.get_collection_name()):
            await self.get_pymongo_collection().update_one(
                {"_id": self.id}, {"$set": row, "$setOnInsert": {"createdAt": utc_now()}}, upsert=True
            )

    async def forget(self) -> None:
        """It is over."""
        with translated(self.get_collection_name()):
            await self.get_pymongo_collection().delete_one({"_id": self.id})


class SearchWatch(SystemDocument):
    """How far following changes without a broker got: everything that was committed before is in the indexes."""

    id: str = "watch"  # type: ignore[assignment]  # Beanie lets a model choose its type of id
    reached_at: UtcDateTime

    indexes: ClassVar[Sequence[Index]] = ()

    @classmethod
    async def reached(cls, now: datetime) -> datetime:
        """Where to go on; now, the first time or when the log knows too little."""
        found = await cls.find_one({"_id": "watch"})
        if found is not None and now - found.reached_at >= GOOD_FOR:
            _log.warning(
                "Changes were followed up to %s, which is too long ago to go on: run `docstore search sync`.",
                found.reached_at.isoformat(timespec="seconds"),
            )
            return now
        return now if found is None else found.reached_at

    @classmethod
    async def reach(cls, moment: datetime) -> None:
        """Everything before is done."""
        with translated(cls.get_collection_name()):
            await cls.get_pymongo_collection().update_one(
                {"_id": "watch"},
                {"$set": {"reachedAt": moment, "updatedAt": utc_now()}, "$setOnInsert": {"createdAt": utc_now()}},
                upsert=True,
            )


def _row(part: Part) -> dict[str, Any]:
    bounds = {"low": part.within.low, "high": part.within.high, "after": part.after}
    told: dict[str, Any] = {name: None if bound is None else dumps(bound) for name, bound in bounds.items()}
    return told | {"lookedAt": part.looked_at, "saved": part.saved, "finished": part.finished}


def _part(row: dict[str, Any]) -> Part:
    low, high, after = (_id(row[name]) for name in ("low", "high", "after"))
    return Part(Range(low, high), after, row["lookedAt"], row["saved"], row["finished"])


def _id(written: str | None) -> Any:
    # An id may be of any type; before that was so, only ObjectIds were written, and as they are.
    if written is None or PydanticObjectId.is_valid(written):
        return None if written is None else PydanticObjectId(written)
    return loads(written)
