"""The documents a step changes, in the order of their ids, one batch of the server at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from docstore.schema.migrations.values import Row, same

_CURSOR_GONE: Final = frozenset({43, 237, 206})


@dataclass
class Listing:
    """Reads a collection by batches, each of them only when it is asked for: never ahead.

    With a server whose cursors are live, what `next` gives is what it held after it was asked. So what was listed in a
    transaction is either as the transaction sees it, or changed since it began, and then that cannot change it.

    Args:
        collection: the raw collection.
        where: which documents.
        fields: the projection; empty for whole documents.
        batch_size: most documents in a batch; the server may give fewer when they are large.
        session: of this listing alone, or of the transaction that it is a part of.
        after: the id to begin behind, in a one-element tuple.
        until: the last id, in a one-element tuple.
    """

    collection: AsyncCollection[dict[str, Any]]
    where: Mapping[str, Any]
    fields: Mapping[str, int]
    batch_size: int
    session: AsyncClientSession
    after: tuple[Any, ...] = ()
    until: tuple[Any, ...] = ()
    _cursor: int | None = field(default=None, init=False)
    _ended: bool = field(default=False, init=False)

    async def next(self) -> list[Row]:
        """The next batch; empty at the end."""
        while not self._ended:
            try:
                rows = await self._batch()
            except OperationFailure as error:
                # A cursor that nobody asked for long is forgotten by the server, and opened again.
                if error.code not in _CURSOR_GONE or self._cursor is None:
                    raise
                self._cursor = None
                continue
            if self._cursor == 0:
                self._ended = True
                rows += await self._last()
            if rows:
                self.after = (rows[-1]["_id"],)
                return rows
        return []

    async def close(self) -> None:
        """Let the server forget the cursor."""
        if self._cursor:
            try:
                await self._command({"killCursors": self.collection.name, "cursors": [self._cursor]})
            except PyMongoError:
                return  # it forgets it by itself, too

    async def _batch(self) -> list[Row]:
        if self._cursor is None:
            reply = await self._command(self._find())
            rows = reply["cursor"]["firstBatch"]
        else:
            more = {"getMore": self._cursor, "collection": self.collection.name, "batchSize": self.batch_size}
            reply = await self._command(more)
            rows = reply["cursor"]["nextBatch"]
        self._cursor = reply["cursor"]["id"]
        # The lower bound is the id that was seen last.
        fresh = [row for row in rows if not (self.after and same(row["_id"], self.after[0]))]
        if fresh and self._cursor and len(rows) < self.batch_size:
            # Documents did not fit, and the server holds the next one ready, which would be stale by then.
            await self.close()
            self._cursor = None
        return fresh

    def _find(self) -> dict[str, Any]:
        find: dict[str, Any] = {
            "find": self.collection.name,
            "filter": dict(self.where),
            "sort": {"_id": 1},
            # With the hint it is read in order, and never sorted in memory.
            "hint": {"_id": 1},
            "batchSize": self.batch_size,
        }
        if self.fields:
            find["projection"] = dict(self.fields)
        # Bounds, not `_id > x`: that leaves out ids of another type than x.
        if self.after:
            find["min"] = {"_id": self.after[0]}
        if self.until:
            find["max"] = {"_id": self.until[0]}
        return find

    async def _last(self) -> list[Row]:
        """The document up to which this goes, which the upper bound leaves out."""
        if not self.until:
            return []
        where = {"$and": [{"_id": self.until[0]}, dict(self.where)]}
        return await self.collection.find(where, dict(self.fields) or None, session=self.session).to_list()

    async def _command(self, command: Mapping[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = await self.collection.database.command(
            dict(command), codec_options=self.collection.codec_options, session=self.session
        )
        return reply


async def has_live_cursors(database: AsyncDatabase[dict[str, Any]]) -> bool:
    """Whether a cursor shows documents as they are when it is asked for them, as that of a mongod does.

    A mongos reads ahead, and what only speaks MongoDB's protocol may have the whole answer ready from the beginning.
    """
    return "storageEngines" in await database.client.admin.command("buildInfo")
