"""The outbox as a log of what changed, for those who have to catch up without a broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from bson import ObjectId

from docstore.documents import DocumentChanged, PydanticObjectId, server_now, translated
from docstore.outbox import OutboxEntry
from docstore.search import LoggedChange


class OutboxChanges:
    """A `ChangeLog` over outbox rows: those of changed documents, for as long as rows are kept."""

    async def now(self) -> datetime:
        """What time it is for the database's server."""
        return await server_now(OutboxEntry)

    async def since(self, moment: datetime) -> AsyncIterator[LoggedChange]:
        """Changes whose rows were made then or later, by the clocks of their writers."""
        # A row's id begins with the second in which it was made, and has the index that every collection has.
        first = ObjectId.from_datetime(moment.astimezone(UTC))
        wanted = {"_id": {"$gte": first}, "name": DocumentChanged.name}
        shown = {"payload.changedCollection": 1, "aggregateId": 1}
        with translated(OutboxEntry.get_collection_name()):
            async with OutboxEntry.get_pymongo_collection().find(wanted, shown) as rows:
                async for row in rows:
                    yield LoggedChange(
                        PydanticObjectId(row["_id"]), row["payload"]["changedCollection"], row["aggregateId"]
                    )

    async def waiting(self) -> int:
        """How many changes the relay has not published yet."""
        wanted = {"status": "PENDING", "topic": DocumentChanged.name}
        with translated(OutboxEntry.get_collection_name()):
            return int(await OutboxEntry.get_pymongo_collection().count_documents(wanted))
