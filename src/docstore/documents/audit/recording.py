"""The hook that writes audit entries: called by the guard with every change, inside its transaction."""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from docstore.context import current_actor
from docstore.documents.audit.chain import committed, entry_hash, entry_id, written
from docstore.documents.audit.diff import Diff, difference, without_large
from docstore.documents.audit.entries import STAMPS, AuditEntry
from docstore.documents.audit.masking import masked_paths
from docstore.documents.base import StoredDocument
from docstore.documents.changes import Change, ChangeKind
from docstore.documents.fields import utc_now
from docstore.documents.guard.ids import as_key
from docstore.documents.guard.versions import VERSION
from docstore.documents.transactions import ambient_session

Entries = AsyncCollection[dict[str, Any]]
Head = tuple[int, str]
_SALT: Final = 16
LARGEST: Final = 12 * 2**20
"""Bytes of an entry's diff. MongoDB takes documents of 16 MB, and a diff holds what was and what became."""


class Auditor:
    """Writes the entries of one collection.

    Args:
        models: the models stored there; inherited ones share a collection.

    Attributes:
        masked: the dotted stored paths whose values are kept from the log.
    """

    def __init__(self, models: Sequence[type[StoredDocument]]) -> None:
        self._ignored = frozenset(model.stored_name(name) for model in models for name in model.counters)
        self._moving = STAMPS | ({VERSION} if any(model.versioned for model in models) else set())
        self.masked = frozenset(path for model in models for path in masked_paths(model))

    @property
    def unlogged(self) -> frozenset[str]:
        """The stored fields whose change alone leaves no entry: counters, stamps, a version."""
        return self._ignored | self._moving

    async def __call__(self, change: Change) -> None:
        """Write an entry for each document that the change really changed."""
        diffs = self._diffs(change)
        if not diffs:
            return
        entries = AuditEntry.get_pymongo_collection().raw
        if change.kind is ChangeKind.PURGE:
            await _erase(entries, change.collection, change.ids)
        heads = await _heads(entries, change.collection, list(diffs))
        rows = self._rows(change, diffs, heads)
        await entries.insert_many(rows, session=ambient_session(), ordered=False)

    def _diffs(self, change: Change) -> dict[Any, Diff]:
        if change.kind is ChangeKind.PURGE:
            return {each: [] for each in change.ids}
        diffs = {
            each: difference(
                change.before.get(each, {}), change.after.get(each, {}), ignored=self._ignored, masked=self.masked
            )
            for each in change.ids
        }
        return {each: diff for each, diff in diffs.items() if self._touched(diff)}

    def _touched(self, diff: Diff) -> set[str]:
        """The stored fields that changed, but for those that every write moves."""
        return {found["path"].partition(".")[0] for found in diff} - self._moving

    def _rows(
        self, change: Change, diffs: Mapping[Any, Diff], heads: Mapping[Any, tuple[int, str]]
    ) -> list[dict[str, Any]]:
        actor = current_actor()
        moment = utc_now()
        salts = os.urandom(_SALT * len(diffs))
        rows = []
        for number, (document_id, diff) in enumerate(diffs.items()):
            seq, previous = heads.get(document_id, (-1, ""))
            salt = salts[number * _SALT : (number + 1) * _SALT]
            body = written(diff)
            if len(body) > LARGEST:
                diff = without_large(diff, LARGEST // (2 * len(diff)))
                body = written(diff)
            row: dict[str, Any] = {
                "_id": entry_id(change.collection, document_id, seq + 1),
                "at": moment,
                "actor": actor.name if actor else None,
                "requestId": actor.request_id if actor else None,
                "operation": change.kind.value,
                "collection": change.collection,
                "documentId": document_id,
                "seq": seq + 1,
                "reason": change.reason,
                "touched": sorted(self._touched(diff)),
                "diff": diff,
                "erased": False,
                "salt": salt,
                "commitment": committed(body, salt),
                "previous": previous,
                "seal": None,
            }
            row["hash"] = entry_hash(row)
            rows.append(row)
        return rows


async def _heads(entries: Entries, collection: str, ids: Sequence[Any]) -> dict[Any, Head]:
    """The number and hash of the last entry of each document that has one."""
    session = ambient_session()
    if len(ids) == 1:
        wanted = {"collection": collection, "documentId": ids[0]}
        head = await entries.find_one(wanted, {"seq": 1, "hash": 1}, sort=[("seq", -1)], session=session)
        return {ids[0]: (head["seq"], head["hash"])} if head else {}
    pipeline: list[dict[str, Any]] = [
        {"$match": {"collection": collection, "documentId": {"$in": list(ids)}}},
        {"$sort": {"collection": 1, "documentId": 1, "seq": -1}},
        {"$group": {"_id": "$documentId", "seq": {"$first": "$seq"}, "hash": {"$first": "$hash"}}},
    ]
    cursor = await entries.aggregate(pipeline, session=session)
    return {as_key(each["_id"]): (each["seq"], each["hash"]) async for each in cursor}


async def _erase(entries: Entries, collection: str, ids: Collection[Any]) -> None:
    """Take the values out of earlier entries: it is kept that they changed, not what they were."""
    await entries.update_many(
        {"collection": collection, "documentId": {"$in": list(ids)}},
        {"$set": {"diff": [], "erased": True}, "$unset": {"salt": ""}},
        session=ambient_session(),
    )
