"""Making a database's indexes what the models declare: step by step, by one deployment at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from docstore.clients.lease_rows import LEASE_COLLECTION, lease_state
from docstore.clients.leases import MongoLease
from docstore.errors import DocstoreError, ServerUnavailable, ServiceError, UniqueViolation
from docstore.schema.collections import Database, create_collections
from docstore.schema.indexes.building import carry_out
from docstore.schema.indexes.plan import IndexAction, IndexPlan, IndexStep, Pruning
from docstore.schema.indexes.progress import IndexProgress
from docstore.schema.indexes.reading import index_plan

LEASE: Final = "indexes"
"""The name of the lease under which indexes and validators are changed."""

_WAITING_S: Final = 600.0


class SyncListener:
    """What a sync tells while it goes on; override what is of interest."""

    def waiting(self, message: str) -> None:
        """Another deployment is at it; it is waited for."""

    def planned(self, plan: IndexPlan) -> None:
        """What is about to be done."""

    def progress(self, at: IndexProgress) -> None:
        """How far the present step is; called at its beginning and each second."""

    def done(self, step: IndexStep, seconds: float) -> None:
        """A step was carried out."""

    def failed(self, step: IndexStep, error: DocstoreError) -> None:
        """A step could not be carried out; those that do not depend on it go on."""


@dataclass(frozen=True)
class IndexReport:
    """What a sync did: its plan, the steps it carried out, those that failed and why, the collections it created."""

    plan: IndexPlan
    done: tuple[IndexStep, ...] = ()
    failed: tuple[tuple[IndexStep, DocstoreError], ...] = ()
    collections: tuple[str, ...] = ()
    seconds: float = 0.0

    def expect_success(self) -> None:
        """Nothing, when every step was carried out.

        Raises:
            UniqueViolation: documents share values that an index wants unique; names them by id.
            ServiceError: the server refused a step.
        """
        if not self.failed:
            return
        errors = [error for _, error in self.failed]
        first = errors[0]
        kind = UniqueViolation if all(isinstance(each, UniqueViolation) for each in errors) else ServiceError
        message = " ".join(each.message for each in errors)
        raise kind(message, hint=first.hint, collection=first.collection, field=first.field) from first


async def sync_indexes(
    database: Database,
    models: Sequence[type[Any]],
    *,
    pruning: Pruning = Pruning.KEEP,
    waiting: float | None = _WAITING_S,
    listener: SyncListener | None = None,
) -> IndexReport:
    """Carry out the plan for a database, one index at a time, and create the collections that do not exist yet.

    Of several deployments at once one works and the others wait, and find nothing left to do. A step that fails does
    not keep the others from being done, but nothing is dropped from a collection where one failed.

    Args:
        database: the raw database.
        models: document classes, bound or not.
        pruning: what becomes of indexes that no model declares.
        waiting: seconds to wait for another deployment; 0 fails at once, None waits for ever.
        listener: is told what goes on.

    Raises:
        LeaseHeld: another deployment is still at it.
        LeaseLost: the database could not be reached for so long that another may be at it now.
        ServerUnavailable: the database does not answer.
        ServiceError: it refuses to list its indexes.
    """
    start = time.perf_counter()
    told = listener or SyncListener()
    plan = await index_plan(database, models, pruning=pruning)
    if not plan.work and not plan.missing:
        told.planned(plan)
        return IndexReport(plan, seconds=time.perf_counter() - start)
    lease = await _lease(database, waiting, told)
    async with lease:
        plan = await index_plan(database, models, pruning=pruning)  # whoever had the lease may have done it
        told.planned(plan)
        created = await create_collections(database, plan.missing)
        report = await _work(database, plan, lease, told)
    return replace(report, collections=created, seconds=time.perf_counter() - start)


async def _lease(database: Database, waiting: float | None, told: SyncListener) -> MongoLease:
    """The lease; entering it waits, and whoever is waited for is told once."""
    state = await lease_state(database[LEASE_COLLECTION], LEASE)
    if state is not None and state.held and waiting != 0:
        told.waiting(f"{state.owner} is changing the indexes since {state.since:%H:%M:%S} UTC")
    return MongoLease(database, LEASE, waiting=waiting)


async def _work(database: Database, plan: IndexPlan, lease: MongoLease, told: SyncListener) -> IndexReport:
    done: list[IndexStep] = []
    failed: list[tuple[IndexStep, DocstoreError]] = []
    for number, step in enumerate(plan.work, 1):
        if step.action is IndexAction.DROP and any(each.collection == step.collection for each, _ in failed):
            continue  # what it was replaced with is not there
        lease.check()
        at = IndexProgress(step.collection, step.name, number, len(plan.work), step.action.value)
        told.progress(at)
        begun = time.perf_counter()
        try:
            await carry_out(database[step.collection], step, replace(at, phase=""), told.progress)
        except ServerUnavailable:
            raise
        except DocstoreError as error:
            failed.append((step, error))
            told.failed(step, error)
        else:
            done.append(step)
            told.done(step, time.perf_counter() - begun)
    return IndexReport(plan, tuple(done), tuple(failed))
