"""Removing what the rules say, in batches, by one process at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from docstore.clients.leases import MongoLease
from docstore.documents import translated, trusted, utc_now
from docstore.documents.audit import AUDIT_MODELS, AuditEntry, prune_audit
from docstore.errors import ReferenceViolation, RestoreConflict
from docstore.operations.retention.rules import DELETED, Rule, rules_of

Database = AsyncDatabase[dict[str, Any]]

LEASE: Final = "retention"
_REASON: Final = "kept as long as its model's retention says"
_LONGEST_PAUSE_S: Final = 60.0


@dataclass(frozen=True)
class RetentionProgress:
    """How far a rule is: `done` of `total` documents."""

    collection: str
    rule: str
    done: int
    total: int


@dataclass
class RetentionRow:
    """What became of one rule.

    Args:
        collection, rule: whose; ``deleted``, or the attribute the age counts from.
        before: the instant that what goes is older than.
        found: documents the rule says should go.
        removed: documents removed by it; less than found in a dry run, or when some were held back, and more when
            what had been deleted along with them went with them.
        held_back: documents that something living still refers to.
        undated: documents in the trash without an instant of deletion, which no rule can judge.
    """

    collection: str
    rule: str
    before: datetime
    found: int = 0
    removed: int = 0
    held_back: int = 0
    undated: int = 0


@dataclass
class RetentionReport:
    """Every rule with what it found, and whether it was applied."""

    applied: bool
    rows: list[RetentionRow] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def found(self) -> int:
        """Documents that should go."""
        return sum(row.found for row in self.rows)

    @property
    def removed(self) -> int:
        """Documents that went."""
        return sum(row.removed for row in self.rows)


@dataclass(frozen=True)
class _Run:
    """What all rules of one run share."""

    database: Database
    batch: int
    rate: float | None
    lease: MongoLease
    listen: Callable[[RetentionProgress], None]

    async def pause(self, removed: int, started: float) -> None:
        if self.rate and removed:
            due = removed / self.rate - (time.monotonic() - started)
            await asyncio.sleep(min(max(due, 0), _LONGEST_PAUSE_S))


async def run_retention(
    database: Database,
    models: Sequence[type[Any]],
    *,
    apply: bool = False,
    only: Sequence[str] = (),
    audit_after: timedelta | None = None,
    audit_key: bytes | None = None,
    batch: int = 500,
    rate: float | None = None,
    on_progress: Callable[[RetentionProgress], None] | None = None,
) -> RetentionReport:
    """Count what the models' rules say should go, and with `apply` remove it for good.

    Documents are purged as by ``purge(reason=…)``: references, audit and triggers count, and what a living document
    refers to is held back. One process runs at a time, under a lease; one that was interrupted is simply run again.

    Args:
        database: the raw database; the models have to be bound to it.
        models: bound document classes.
        apply: remove; else nothing is changed.
        only: these collections; all that have a rule when empty.
        audit_after: how long audit entries are kept; sealed ones alone are pruned, and seals stay. None for ever.
        audit_key: the key of the audit log's seals.
        batch: documents of one transaction, 1 to 1000.
        rate: documents a second at most; as fast as it goes when None.
        on_progress: called after each batch.

    Raises:
        SettingsError: see `rules_of`.
        LeaseHeld: another process applies retention.
        ServerUnavailable: the database does not answer.
    """
    start, now = time.perf_counter(), utc_now()
    if not 1 <= batch <= 1_000:
        raise ValueError("a batch has 1 to 1000 documents")
    rules = rules_of(models, only=[name for name in only if name != AuditEntry.__name__ or audit_after is None])
    if only and AuditEntry.__name__ in only and len(only) == 1 and audit_after is not None:
        rules = []
    report = RetentionReport(apply)
    for rule in rules:
        report.rows.append(await _counted(database, rule, now))
    audit = await _audit_row(database, models, only, now, audit_after)
    if audit is not None:
        report.rows.append(audit)
    if apply:
        async with MongoLease(database, LEASE) as lease:
            run = _Run(database, batch, rate, lease, on_progress or (lambda _: None))
            for rule, row in zip(rules, report.rows, strict=False):
                if row.found:
                    await _apply(run, rule, row, now)
            if audit is not None and audit.found:
                audit.removed = await prune_audit(audit.before, key=audit_key)
    report.seconds = time.perf_counter() - start
    return report


async def _counted(database: Database, rule: Rule, now: datetime) -> RetentionRow:
    collection = database[rule.model.get_collection_name()]
    with translated(collection.name):
        row = RetentionRow(collection.name, rule.name, now - rule.after)
        row.found = await collection.count_documents(rule.filter(now))
        if rule.name == DELETED:
            undated = {"deletedAt": None, "$or": [{"isDeleted": True}, {"status": "DELETED"}]}
            row.undated = await collection.count_documents(undated)
    return row


async def _audit_row(
    database: Database, models: Sequence[type[Any]], only: Sequence[str], now: datetime, after: timedelta | None
) -> RetentionRow | None:
    wanted = not only or AuditEntry.__name__ in only
    if after is None or not wanted or not set(AUDIT_MODELS) <= set(models):
        return None
    row = RetentionRow(AuditEntry.get_collection_name(), "sealed", now - after)
    with translated(row.collection):
        row.found = await database[row.collection].count_documents({"at": {"$lt": row.before}, "seal": {"$ne": None}})
    return row


async def _apply(run: _Run, rule: Rule, row: RetentionRow, now: datetime) -> None:
    async for ids in _batches(run, rule, now):
        run.lease.check()
        started = time.monotonic()
        if rule.rows:
            removed = await _remove_rows(run, rule, ids, now)
        else:
            removed = await _purge(rule, row, ids, now)
        row.removed += removed
        run.listen(RetentionProgress(row.collection, rule.name, min(row.removed, row.found), row.found))
        await run.pause(removed, started)


async def _batches(run: _Run, rule: Rule, now: datetime) -> AsyncIterator[list[Any]]:
    collection = run.database[rule.model.get_collection_name()]
    with translated(collection.name):
        async with collection.find(rule.filter(now), {"_id": 1}, batch_size=run.batch) as found:
            ids: list[Any] = []
            async for document in found:
                ids.append(document["_id"])
                if len(ids) == run.batch:
                    yield ids
                    ids = []
            if ids:
                yield ids


async def _remove_rows(run: _Run, rule: Rule, ids: list[Any], now: datetime) -> int:
    collection = run.database[rule.model.get_collection_name()]
    with translated(collection.name):
        result = await collection.delete_many({"_id": {"$in": ids}, **rule.filter(now)})
    return result.deleted_count


async def _purge(rule: Rule, row: RetentionRow, ids: list[Any], now: datetime) -> int:
    """Purge a batch, and when something in it is still referred to, each document by itself."""
    try:
        return await _purged(rule, ids, now)
    except (ReferenceViolation, RestoreConflict):
        if len(ids) == 1:
            row.held_back += 1
            return 0
    half = len(ids) // 2
    return await _purge(rule, row, ids[:half], now) + await _purge(rule, row, ids[half:], now)


async def _purged(rule: Rule, ids: list[Any], now: datetime) -> int:
    # Restored or written meanwhile: the condition is asked again.
    wanted = {"_id": {"$in": ids}, **rule.filter(now)}
    scope = rule.model.deleted if rule.name == DELETED else rule.model.with_deleted
    removed: int = await scope.find(trusted(wanted)).purge(reason=_REASON)
    return removed
