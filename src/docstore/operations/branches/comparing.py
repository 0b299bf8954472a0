"""How two databases differ: collections, options, indexes, and document by document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson import encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from docstore.documents import translated
from docstore.operations.backup.catalog import CollectionSpec, Database, read_catalog
from docstore.operations.backup.journal import is_bookkeeping
from docstore.operations.branches.registry import MARK_COLLECTION

_BATCH: Final = 1_000
_SAMPLES: Final = 5
_RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True)
class Differences:
    """How many documents were added, changed and removed, with the ids of some."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    same: int = 0
    added_ids: tuple[str, ...] = ()
    changed_ids: tuple[str, ...] = ()
    removed_ids: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is a difference."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class CollectionDiff:
    """One collection: `only_in` names the database that alone has it; options and indexes that differ by name."""

    name: str
    only_in: str | None = None
    options: tuple[str, ...] = ()
    indexes_added: tuple[str, ...] = ()
    indexes_removed: tuple[str, ...] = ()
    indexes_changed: tuple[str, ...] = ()
    documents: Differences = Differences()

    @property
    def any(self) -> bool:
        """Whether there is a difference."""
        indexes = self.indexes_added or self.indexes_removed or self.indexes_changed
        return bool(self.only_in or self.options or indexes or self.documents.any)


async def compare_databases(base: Database, other: Database, *, documents: bool = True) -> list[CollectionDiff]:
    """Compare `other` with `base`: what is added is in `other` alone. Constant memory; documents byte by byte.

    Args:
        base, other: raw databases on any servers.
        documents: look at the documents too.

    Raises:
        ServerUnavailable: a server does not answer.
    """
    ours, theirs = await _catalog(base), await _catalog(other)
    found = []
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs or name not in ours:
            found.append(CollectionDiff(name, only_in=base.name if name in ours else other.name))
            continue
        seen = Differences()
        if documents and not ours[name].is_view and not theirs[name].is_view:
            seen = await _documents(base, other, name)
        found.append(_structure(ours[name], theirs[name], seen))
    return found


async def _catalog(database: Database) -> dict[str, CollectionSpec]:
    specs = await read_catalog(database)
    return {each.name: each for each in specs if not is_bookkeeping(each.name) and each.name != MARK_COLLECTION}


def _structure(ours: CollectionSpec, theirs: CollectionSpec, documents: Differences) -> CollectionDiff:
    mine, other = ({each["name"]: dict(each) for each in spec.indexes} for spec in (ours, theirs))
    names = set(ours.options) | set(theirs.options)
    return CollectionDiff(
        name=ours.name,
        options=tuple(sorted(name for name in names if ours.options.get(name) != theirs.options.get(name))),
        indexes_added=tuple(sorted(other.keys() - mine.keys())),
        indexes_removed=tuple(sorted(mine.keys() - other.keys())),
        indexes_changed=tuple(
            sorted(
                name
                for name in mine.keys() & other.keys()
                if _plain(mine[name]) != _plain(other[name]) or list(mine[name]["key"]) != list(other[name]["key"])
            )
        ),
        documents=documents,
    )


def _plain(index: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in index.items() if key not in ("v", "ns")}


async def _documents(base: Database, other: Database, name: str) -> Differences:
    added, changed, removed = _Tally(), _Tally(), _Tally()
    same = 0
    with translated(name):
        async for batch in _batches(other, name):
            known = await _by_id(base, name, [document["_id"] for document in batch])
            for document in batch:
                was = known.get(_key(document))
                if was is None:
                    added.count(document["_id"])
                elif was != document.raw:
                    changed.count(document["_id"])
                else:
                    same += 1
        async for batch in _batches(base, name, {"_id": 1}):
            known = await _by_id(other, name, [document["_id"] for document in batch], {"_id": 1})
            for document in batch:
                if _key(document) not in known:
                    removed.count(document["_id"])
    return Differences(
        added=added.total,
        changed=changed.total,
        removed=removed.total,
        same=same,
        added_ids=tuple(added.ids),
        changed_ids=tuple(changed.ids),
        removed_ids=tuple(removed.ids),
    )


class _Tally:
    """A number, and the first few ids of what it counts."""

    def __init__(self) -> None:
        self.total = 0
        self.ids: list[str] = []

    def count(self, which: Any) -> None:
        self.total += 1
        if len(self.ids) < _SAMPLES:
            self.ids.append(str(which))


async def _batches(
    database: Database, name: str, shown: Mapping[str, int] | None = None
) -> AsyncIterator[list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    collection: Any = database.get_collection(name, codec_options=_RAW)
    async for document in collection.find({}, shown, batch_size=_BATCH):
        batch.append(document)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _by_id(
    database: Database, name: str, ids: Sequence[Any], shown: Mapping[str, int] | None = None
) -> dict[bytes, bytes]:
    collection: Any = database.get_collection(name, codec_options=_RAW)
    found = await collection.find({"_id": {"$in": list(ids)}}, shown).to_list()
    return {_key(document): document.raw for document in found}


def _key(document: RawBSONDocument) -> bytes:
    return encode({"_id": document["_id"]})
