"""The documents as they stand, held against what their entries add up to.

A chain cannot tell that its last entry was removed before a seal counted it; the document can, as long as what the
entry told still stands in it. The same shows writes that went around the log.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from docstore.documents.audit.diff import difference, redo, same, value_at
from docstore.documents.audit.entries import MASK, AuditEntry
from docstore.documents.audit.recording import Auditor
from docstore.documents.changes import ChangeKind
from docstore.documents.guard.ids import as_key
from docstore.documents.guard.policy import GuardRegistry

ORDER: Final = [("collection", 1), ("documentId", 1), ("seq", 1)]
BATCH: Final = 200
_TRIES: Final = 3

Stored = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A document that is not what its entries say.

    Args:
        last: the id of its last entry.
        fields: the stored fields that differ; empty when the whole document is gone.
    """

    last: str
    fields: tuple[str, ...]


@dataclass
class Comparison:
    """What a comparison found.

    Args:
        compared: documents that have entries and were looked at.
        unlogged: documents of audited collections that have no entry: older than the log, or robbed of all entries.
        unexplained: those that are not what their entries say.
    """

    compared: int = 0
    unlogged: int = 0
    unexplained: list[Unexplained] = field(default_factory=list)


@dataclass
class _Account:
    """What the entries of one document add up to.

    `whole` says that they begin with its insert; else only what they touched is known.
    """

    collection: str
    document_id: Any
    last: str = ""
    operation: str = ""
    state: Stored = field(default_factory=dict)
    whole: bool = False
    touched: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    def take(self, entry: Mapping[str, Any]) -> None:
        """Add one more entry."""
        self.last, self.operation = str(entry["_id"]), str(entry.get("operation"))
        if self.operation == ChangeKind.INSERT:
            self.state, self.whole, self.touched, self.hidden = {}, True, set(), set()
        diff = entry.get("diff")
        if entry.get("erased") or not isinstance(diff, list) or not redo(self.state, diff):
            self.state, self.whole, self.touched = {}, False, set()
            return
        for change in diff:
            path = change["path"]
            self.touched.add(path)
            (self.hidden.add if MASK in (change.get("before"), change.get("after")) else self.hidden.discard)(path)

    def differences(self, present: Mapping[str, Any], auditor: Auditor) -> tuple[str, ...]:
        """The paths at which a stored document is not what the entries say."""
        if self.whole:
            found = difference(self.state, present, ignored=auditor.unlogged, masked=auditor.masked)
            paths = [each["path"] for each in found if MASK not in each.values() and each.get("before", "") is not None]
        else:
            paths = [each for each in sorted(self.touched) if not _agree(self.state, present, each)]
        return tuple(each for each in paths if not self._is_hidden(each) and _head(each) not in auditor.unlogged)

    def _is_hidden(self, path: str) -> bool:
        return any(path == each or path.startswith(f"{each}.") or each.startswith(f"{path}.") for each in self.hidden)


async def compare_documents(collection: str | None = None, document_id: Any = None) -> Comparison:
    """Hold the documents of audited collections against their entries, in constant memory.

    Documents may change meanwhile: one that differs is looked at again until it stood still.

    Args:
        collection: only this one.
        document_id: only this document; together with `collection`.
    """
    registry: GuardRegistry = AuditEntry.get_pymongo_collection().database.registry
    result = Comparison()
    for name, auditor in audited_collections().items():
        if collection in (None, name):
            one = {} if document_id is None else {"documentId": document_id}
            await _Books(registry, name, auditor, result).compare(one)
    return result


def audited_collections() -> dict[str, Auditor]:
    """The bound collections whose changes are logged, each with what logs them."""
    registry: GuardRegistry = AuditEntry.get_pymongo_collection().database.registry
    hooks = ((name, each) for name in registry for each in registry.policy(name).hooks)
    return {name: each for name, each in hooks if isinstance(each, Auditor)}


class _Books:
    """One collection's documents and entries."""

    def __init__(self, registry: GuardRegistry, name: str, auditor: Auditor, result: Comparison) -> None:
        self._entries: AsyncCollection[Stored] = AuditEntry.get_pymongo_collection().raw
        self._documents = self._entries.database[name]
        self._gone = {ChangeKind.PURGE} | (set() if registry.policy(name).soft_delete else {ChangeKind.DELETE})
        self._name, self._auditor, self._result = name, auditor, result

    async def compare(self, wanted: Stored) -> None:
        """Compare them all, or those whose entries match."""
        batch: list[_Account] = []
        logged = 0
        async for account in self._accounts(wanted):
            batch.append(account)
            if len(batch) == BATCH:
                logged += await self._settle(batch)
                batch = []
        logged += await self._settle(batch)
        if not wanted:
            self._result.unlogged += max(0, await self._documents.count_documents({}) - logged)

    async def _accounts(self, wanted: Stored) -> AsyncIterator[_Account]:
        account: _Account | None = None
        async for entry in self._entries.find({"collection": self._name, **wanted}, sort=ORDER):
            if account is None or not same(account.document_id, entry.get("documentId")):
                if account is not None:
                    yield account
                account = _Account(self._name, entry.get("documentId"))
            account.take(entry)
        if account is not None:
            yield account

    async def _settle(self, batch: Sequence[_Account]) -> int:
        """Compare some; returns how many of the documents are there."""
        if not batch:
            return 0
        ids = [each.document_id for each in batch]
        present = {as_key(each["_id"]): each async for each in self._documents.find({"_id": {"$in": ids}})}
        for account in batch:
            stored = present.get(as_key(account.document_id))
            self._result.compared += 1
            if not self._explains(account, stored):
                await self._look_again(account)
        return len(present)

    def _explains(self, account: _Account, stored: Stored | None) -> bool:
        if stored is None:
            return account.operation in self._gone
        return not account.differences(stored, self._auditor)

    async def _look_again(self, account: _Account) -> None:
        one = {"_id": account.document_id}
        stored = await self._documents.find_one(one)
        for _ in range(_TRIES):
            before = stored
            async for anew in self._accounts({"documentId": account.document_id}):
                account = anew
            stored = await self._documents.find_one(one)
            if self._explains(account, before) or self._explains(account, stored):
                return
            if same(before, stored):
                break
        fields = account.differences(stored, self._auditor) if stored is not None else ()
        self._result.unexplained.append(Unexplained(account.last, fields))


def _agree(state: Mapping[str, Any], present: Mapping[str, Any], path: str) -> bool:
    return same(value_at(state, path).get("value"), value_at(present, path).get("value"))


def _head(path: str) -> str:
    return path.partition(".")[0]
