"""How the indexes stand: what they hold, what waits, what is parked, what was left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from docstore.clients.protocols import SearchIndex
from docstore.documents import translated
from docstore.search.checkpoints import SearchReindex
from docstore.search.parked import SearchParked
from docstore.search.records import SearchRecord
from docstore.search.scanning import count
from docstore.search.settings import settings_differences
from docstore.search.settings_files import declared_settings
from docstore.search.temporaries import leftovers

_NAMED = 10


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A record that could not be written: its objectID, why, how often it was tried, since when."""

    object_id: str
    reason: str
    attempts: int
    since: datetime


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How an index stands.

    Attributes:
        index: its name.
        exists: whether the engine has it.
        records: how many it holds.
        documents: how many documents may have a record.
        parked: how many records could not be written.
        examples: some of them, the oldest first.
        settings_differ: settings, synonyms and rules that are not as declared.
        reindex: what a reindex that is under way, or stopped, was at.
        leftovers: temporary indexes that were left behind.
    """

    index: str
    exists: bool
    records: int
    documents: int
    parked: int
    examples: Sequence[ParkedRecord]
    settings_differ: int
    reindex: str | None
    leftovers: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether nothing has to be done."""
        return self.exists and not (self.parked or self.settings_differ or self.leftovers)


async def index_status(index: SearchIndex, record: SearchRecord) -> IndexStatus:
    """Ask the engine and the database about an index."""
    name = record.index
    exists = await index.exists(name)
    checkpoint = await SearchReindex.load(name)
    rows = SearchParked.get_pymongo_collection()
    with translated(SearchParked.get_collection_name()):
        parked = int(await rows.count_documents({"indexName": name}))
        some = await rows.find({"indexName": name}).sort({"firstAt": 1}).limit(_NAMED).to_list() if parked else []
    declared = name in declared_settings()
    return IndexStatus(
        index=name,
        exists=exists,
        records=await index.count(name) if exists else 0,
        documents=await count(record),
        parked=parked,
        examples=[ParkedRecord(row["objectId"], row["reason"], row["attempts"], row["firstAt"]) for row in some],
        settings_differ=len(await settings_differences(index, [name])) if exists and declared else 0,
        reindex=str(checkpoint.stage) if checkpoint is not None else None,
        leftovers=[
            each.name
            for each in await leftovers(index, name)
            if checkpoint is None or each.name != checkpoint.temporary
        ],
    )
