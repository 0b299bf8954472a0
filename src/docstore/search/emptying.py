"""A guard in front of what deletes records: an index is not emptied because the database is the wrong one, or empty."""

from __future__ import annotations

from typing import Final

from docstore.clients.protocols import SearchIndex
from docstore.errors import ReindexRefused
from docstore.search.records import SearchRecord
from docstore.search.scanning import expected_documents

_FEW: Final = 1_000
"""Records that are soon written again."""

_SMALLEST_SHARE: Final = 0.5


async def refuse_to_empty(index: SearchIndex, record: SearchRecord) -> None:
    """Look at how many records at least would be deleted for want of a document.

    Raises:
        ReindexRefused: more than half of an index of more than a thousand.
    """
    records = await index.count(record.index)
    if records <= _FEW:
        return
    documents = await expected_documents(record)  # of which each has one record at most
    if documents < records * _SMALLEST_SHARE:
        raise ReindexRefused(
            f"index {record.index!r} has {records:,} records, and the database {documents:,} documents for them: "
            f"{records - documents:,} records or more would be deleted.",
            hint="See whether it is the right database. If it is to be so, run it again with --force.",
        )
