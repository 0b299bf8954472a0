"""What keeps a new reference and the deletion of its target from missing each other.

Two transactions that only read what the other writes both commit: one inserts a comment on a review it saw living,
the other deletes the review it saw without comments. MongoDB has no shared locks that would stop them, but it lets only
one of two transactions write the same document. So both write to a small table of their own: whoever refers to a
document writes one of the LANES rows of its bucket, whoever deletes it writes all of them. Writers of references get
into each other's way once in LANES times, and the referenced document itself is left alone: it does not change, nor
grow, nor tell anyone that it did.
"""

import random
from collections.abc import Iterable
from typing import Any, Final
from zlib import crc32

from pymongo import UpdateMany, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents.guard.ids import as_read
from docstore.documents.transactions import current_transaction

COLLECTION: Final = "ReferenceFence"
BUCKETS: Final = 64
"""Rows are shared by documents whose ids hash alike, so that the table never has more than BUCKETS x LANES rows."""
LANES: Final = 8
_IN_A_STATEMENT: Final = 32
"""Rows of one statement; all statements are one command. Not every server takes long lists of ids lightly."""


class Fence:
    """The table of one database.

    Args:
        database: the plain database.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._rows = database[COLLECTION]

    async def share(self, references: Iterable[tuple[str, Any]], session: AsyncClientSession) -> None:
        """Hold off the deletion of documents, by collection and id, until the transaction ends."""
        held = {row.partition("-")[0] for row in _held()}
        lane = random.randrange(LANES)  # noqa: S311 - spreads load, guards nothing
        buckets = {_bucket(collection, each) for collection, each in references}
        await self._write({f"{bucket}-{lane}" for bucket in buckets if str(bucket) not in held}, session)

    async def close(self, collection: str, ids: Iterable[Any], session: AsyncClientSession) -> None:
        """Hold off new references to documents until the transaction ends."""
        buckets = {_bucket(collection, each) for each in ids}
        await self._write({f"{bucket}-{lane}" for bucket in buckets for lane in range(LANES)} - _held(), session)

    async def _write(self, rows: set[str], session: AsyncClientSession) -> None:
        if not rows:
            return
        touch, wanted = {"$inc": {"n": 1}}, sorted(rows)
        parts = [wanted[start : start + _IN_A_STATEMENT] for start in range(0, len(wanted), _IN_A_STATEMENT)]
        tried = [UpdateMany({"_id": {"$in": part}}, touch) for part in parts]
        if (await self._rows.bulk_write(tried, session=session)).matched_count < len(wanted):
            made = [UpdateOne({"_id": row}, touch, upsert=True) for row in wanted]
            await self._rows.bulk_write(made, session=session)
        running = current_transaction()
        if running is not None:
            running.fenced |= rows


def _held() -> set[str]:
    running = current_transaction()
    return running.fenced if running is not None else set()


def _bucket(collection: str, document_id: Any) -> int:
    return crc32(f"{collection}:{as_read(document_id)}".encode()) % BUCKETS
