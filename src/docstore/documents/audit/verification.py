"""Whether the audit log is whole: no entry altered, none missing, in the middle or at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from docstore.documents.audit.accounting import ORDER, Comparison, audited_collections, compare_documents
from docstore.documents.audit.chain import commitment, entry_hash, entry_id, seal_hash
from docstore.documents.audit.diff import same
from docstore.documents.audit.entries import AuditEntry, AuditSeal
from docstore.documents.audit.report import AuditProblem, AuditReport
from docstore.documents.audit.sealing import digest_of
from docstore.documents.changes import ChangeKind
from docstore.errors import NotFound

_LISTED: Final = 1_000


@dataclass
class _Reading:
    entries: int = 0
    documents: int = 0
    unsealed: int = 0
    highest_seal: int = 0
    problems: list[AuditProblem] = field(default_factory=list)
    comparison: Comparison = field(default_factory=Comparison)

    def report(self, seals: int, anchor: str | None) -> AuditReport:
        """What was found, with so many seals."""
        return AuditReport(
            entries=self.entries,
            documents=self.documents,
            seals=seals,
            unsealed=self.unsealed,
            anchor=anchor,
            problems=tuple(self.problems),
            compared=self.comparison.compared,
            unlogged=self.comparison.unlogged,
        )

    def tell(self, kind: str, where: object, detail: str) -> None:
        if len(self.problems) < _LISTED:
            self.problems.append(AuditProblem(kind, str(where), detail))


async def verify_chain(
    *,
    collection: str | None = None,
    document_id: Any = None,
    key: bytes | None = None,
    anchors: Sequence[str] = (),
    documents: bool = False,
) -> AuditReport:
    """Check the audit log, in constant memory.

    Args:
        collection: only the entries of this collection; seals are checked only when nothing is left out.
        document_id: only those of this document; together with `collection`.
        key: the key the seals were made with.
        anchors: `AuditSeal.anchor` of seals, kept elsewhere: each must still be there.
        documents: hold the documents of audited collections against their entries too. Finds a last entry that was
            removed before a seal counted it, and writes that went around the log; reads every document.

    Raises:
        NotFound: the collection is not audited, and the log has no entry of it; names those that are.
    """
    if collection is not None:
        await _expect_known(collection)
    reading = _Reading()
    asked = (("collection", collection), ("documentId", document_id))
    wanted = {name: value for name, value in asked if value is not None}
    await _read_entries(wanted, reading)
    if documents:
        await _compare(collection, document_id, reading)
    if wanted:
        return reading.report(0, None)
    seals = [seal async for seal in AuditSeal.get_pymongo_collection().raw.find({}, sort=[("_id", 1)])]
    _check_seals(seals, key, reading)
    await _check_sealed(seals, reading)
    _check_anchors(seals, anchors, reading)
    last = f"{seals[-1]['_id']}:{seals[-1].get('hash')}" if seals else None
    return reading.report(len(seals), last)


async def _expect_known(collection: str) -> None:
    # A misspelled name has no entries, and nothing would be wrong with them.
    audited = audited_collections()
    entries = AuditEntry.get_pymongo_collection().raw
    if collection not in audited and await entries.find_one({"collection": collection}, {"_id": 1}) is None:
        known = sorted({*audited, *await entries.distinct("collection")})
        raise NotFound(
            f"there is no audited collection {collection!r}.", hint=f"There are: {', '.join(known) or 'none'}."
        )


async def _compare(collection: str | None, document_id: Any, reading: "_Reading") -> None:
    reading.comparison = await compare_documents(collection, document_id)
    for each in reading.comparison.unexplained:
        what = (
            f"holds in {', '.join(each.fields)} what no entry says" if each.fields else "is gone, and no entry says why"
        )
        reading.tell("unexplained", each.last, f"after this entry, the last of its document, the document {what}")


async def _read_entries(wanted: Mapping[str, Any], reading: _Reading) -> None:
    before: Mapping[str, Any] | None = None
    erased: list[str] = []
    async for entry in AuditEntry.get_pymongo_collection().raw.find(dict(wanted), sort=ORDER):
        if not _is_entry(entry):
            reading.entries += 1
            reading.tell("altered", entry["_id"], "it is nothing that the log writes")
            continue
        if before is None or not _same_document(before, entry):
            _tell_unexplained(erased, reading)
            before, erased = None, []
            reading.documents += 1
        reading.entries += 1
        reading.unsealed += entry.get("seal") is None
        reading.highest_seal = max(reading.highest_seal, entry.get("seal") or 0)
        _check_entry(entry, before, reading)
        if entry["operation"] == ChangeKind.PURGE:
            erased.clear()
        elif entry.get("erased"):
            erased.append(entry["_id"])
        before = entry
    _tell_unexplained(erased, reading)


def _is_entry(entry: Mapping[str, Any]) -> bool:
    """Whether it can be read as an entry; what it says is another matter."""
    texts = (entry.get(name) for name in ("_id", "operation", "collection", "commitment", "previous", "hash"))
    seal = entry.get("seal")
    return (
        all(isinstance(each, str) for each in texts)
        and isinstance(entry.get("seq"), int)
        and (seal is None or (isinstance(seal, int) and not isinstance(seal, bool)))
        and isinstance(entry.get("salt") or b"", bytes)
    )


def _check_entry(entry: Mapping[str, Any], before: Mapping[str, Any] | None, reading: _Reading) -> None:
    name = entry["_id"]
    if entry_hash(entry) != entry.get("hash"):
        reading.tell("altered", name, "it does not have the hash of what it says")
    elif entry.get("erased") and (entry.get("diff") != [] or entry.get("salt")):
        reading.tell("altered", name, "its values were erased, and there are others in their place")
    elif not entry.get("erased") and commitment(entry.get("diff"), entry.get("salt") or b"") != entry["commitment"]:
        reading.tell("altered", name, "its values are not those it was written with")
    if name != entry_id(entry["collection"], entry.get("documentId"), entry["seq"]):
        reading.tell("altered", name, "its id names another document or place")
    if before is None:
        # Retention removes what comes before a sealed entry, and nothing else.
        if entry["seq"] != 0 and entry.get("seal") is None:
            reading.tell("missing", name, f"the {entry['seq']} entries before it are gone")
    elif entry["seq"] != before["seq"] + 1:
        reading.tell("missing", name, f"between it and number {before['seq']} of this document entries are gone")
    elif entry["previous"] != before["hash"]:
        reading.tell("altered", name, "it does not follow the entry before it")


def _tell_unexplained(erased: Sequence[str], reading: _Reading) -> None:
    for name in erased:
        reading.tell("erased", name, "its values are gone, and no purge of the document says why")


def _same_document(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(one["collection"] == other["collection"] and same(one.get("documentId"), other.get("documentId")))


def _check_seals(seals: Sequence[Mapping[str, Any]], key: bytes | None, reading: _Reading) -> None:
    previous: Any = ""
    for number, seal in enumerate(seals, start=1):
        if seal["_id"] != number:
            reading.tell("seal", number, "this seal is gone")
            return
        if seal_hash(seal, key) != seal.get("hash"):
            reading.tell("seal", number, "it does not have the hash of what it says, or another key made it")
        elif seal.get("previous") != previous:
            reading.tell("seal", number, "it does not follow the seal before it")
        previous = seal.get("hash")
    if reading.highest_seal > len(seals):
        reading.tell("seal", reading.highest_seal, "entries name this seal, and it is gone")


async def _check_sealed(seals: Sequence[Mapping[str, Any]], reading: _Reading) -> None:
    pruned = max((_number(seal, "upTo") for seal in seals if seal.get("kind") == "prune"), default=0)
    covered = [seal for seal in seals if seal.get("kind") == "seal"]
    for seal in covered:
        if _number(seal, "_id") > pruned:
            await _check_covered(
                {"seal": seal["_id"]}, seal["_id"], _number(seal, "entries"), seal.get("digest"), reading
            )
    if not pruned:
        return
    sealed = sum(_number(seal, "entries") for seal in covered if _number(seal, "_id") <= pruned)
    removed = sum(_number(seal, "entries") for seal in seals if seal.get("kind") == "prune")
    last: Mapping[str, Any] = next((seal for seal in reversed(seals) if seal.get("kind") in ("prune", "kept")), {})
    # A retention that was interrupted has not said yet what it kept.
    kept = last.get("digest") if last.get("kind") == "kept" else None
    await _check_covered({"seal": {"$lte": pruned}}, f"1 to {pruned}", sealed - removed, kept, reading)


async def _check_covered(
    wanted: Mapping[str, Any], seal: str, entries: int, digest: str | None, reading: _Reading
) -> None:
    count, found = await digest_of(wanted)
    if count != entries:
        reading.tell("missing", f"seal {seal}", f"of the {entries} entries under it {count} are left")
    elif digest is not None and found != digest:
        reading.tell("altered", f"seal {seal}", "the entries under it are not those it was made over")


def _number(seal: Mapping[str, Any], name: str) -> int:
    value = seal.get(name)
    return value if isinstance(value, int) else 0


def _check_anchors(seals: Sequence[Mapping[str, Any]], anchors: Sequence[str], reading: _Reading) -> None:
    known = {f"{seal['_id']}:{seal.get('hash')}" for seal in seals}
    for anchor in anchors:
        if anchor not in known:
            reading.tell(
                "seal", anchor.partition(":")[0], "the seal of this anchor is gone, or another one stands there"
            )
