"""The server's clock, for what many processes have to agree on: their own need not."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from docstore.documents.driver_errors import translated

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument


async def server_now(model: "type[StoredDocument]") -> datetime:
    """What time it is for the server that has a model's documents.

    Raises:
        ServerUnavailable: the database does not answer.
    """
    with translated(model.get_collection_name(), reads=True):
        told = (await model.get_pymongo_collection().database.command("hello"))["localTime"]
    now: datetime = told if told.tzinfo else told.replace(tzinfo=UTC)
    return now
