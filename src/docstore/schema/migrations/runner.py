"""Running migrations against a database: up, down, and writing down what is so without running anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pymongo.asynchronous.database import AsyncDatabase

from docstore.clients.leases import LEASE_COLLECTION, LeaseState, MongoLease, lease_state
from docstore.documents import translated
from docstore.errors import DocstoreError, IrreversibleMigration, MigrationError, MigrationFailed
from docstore.schema.migrations.context import Migration
from docstore.schema.migrations.files import LoadedMigration, find_migrations
from docstore.schema.migrations.journal import Entry, Journal, State, prepare_journal
from docstore.schema.migrations.kept import KEPT, forget_kept, prepare_kept
from docstore.schema.migrations.planning import (
    Standing,
    named,
    pending,
    refuse_problems,
    revertible,
    standings,
)
from docstore.schema.migrations.steps import MigrationProgress, Pace, PlannedStep, StepRunner, current_session
from docstore.schema.migrations.structure_helpers import aside_name
from docstore.schema.migrations.transacting import Transactions, end_session

Database = AsyncDatabase[dict[str, Any]]
Direction = Literal["up", "down"]

LEASE: Final = "migrations"
"""The name of the lease that one process alone holds while it runs migrations."""

TRANSACTION_DOCUMENTS: Final = 1000
"""Most documents that a migration changes in one transaction, when it does not say itself."""


@dataclass(frozen=True)
class PlannedMigration:
    """What a dry run found out about one migration: the way it would go, its steps, and whether in one transaction."""

    name: str
    description: str
    direction: Direction
    resumes: bool
    transaction: bool
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True)
class RanMigration:
    """A migration that ran to its end: the way it went, how long it took, and the documents it changed."""

    name: str
    description: str
    direction: Direction
    seconds: float
    documents: int
    transaction: bool
    notes: tuple[str, ...] = ()


@dataclass
class MigrationRunner:
    """The migrations of a directory against a database.

    Args:
        database: the raw database.
        directory: where the files are.
        who: who runs them, for the journal.
        pace: see `Pace`.
        action: what validators do, where a migration does not say: see `Settings.validator_action`.
        ttl: seconds after which a process that died has lost its lease.
        waiting: seconds to wait for another process that runs migrations.
        on_progress: told after each batch.
        on_wait: told once whom there is to wait for.
        on_start: told the name and the way of each migration that begins.
        on_done: told of each migration that ran to its end.
    """

    database: Database
    directory: Path
    who: str = ""
    pace: Pace = field(default_factory=Pace)
    action: Literal["off", "warn", "error"] = "error"
    ttl: float = 20.0
    waiting: float | None = 0.0
    on_progress: Callable[[MigrationProgress], None] = lambda _: None
    on_wait: Callable[[LeaseState], None] = lambda _: None
    on_start: Callable[[str, Direction], None] = lambda _name, _way: None
    on_done: Callable[[RanMigration], None] = lambda _: None

    async def status(self) -> list[Standing]:
        """How every migration stands.

        Raises:
            MigrationError: a file is malformed.
        """
        with translated("migrations"):
            return standings(find_migrations(self.directory), await Journal(self.database).entries())

    async def at_work(self) -> LeaseState | None:
        """Who runs migrations here just now; None when nobody does."""
        with translated("migrations"):
            state = await lease_state(self.database[LEASE_COLLECTION], LEASE)
        return state if state is not None and state.held else None

    async def plan_up(self, *, to: str | None = None, allow_out_of_order: bool = False) -> list[PlannedMigration]:
        """What `up` would do, found out by reading alone.

        Counts are those of the documents as they are now: what an earlier step will change is not seen by a later one.
        """
        found = await self.status()
        refuse_problems(found, allow_out_of_order=allow_out_of_order)
        planned = []
        for each in pending(found, to):
            if each.entry is not None and each.entry.half_way and each.entry.direction == "down":
                planned.append(await self._planned(each, "down"))
            planned.append(await self._planned(each, "up"))
        return planned

    async def plan_down(self, *, to: str | None = None, steps: int | None = None) -> list[PlannedMigration]:
        """What `down` would do, found out by reading alone; see `plan_up`."""
        found = await self.status()
        chosen = revertible(found, to=to, steps=steps)
        refuse_problems(chosen)
        return [await self._planned(each, "down") for each in chosen]

    async def up(self, *, to: str | None = None, allow_out_of_order: bool = False) -> list[RanMigration]:
        """Apply what is pending, in order; one that is half-way goes on where it was.

        Args:
            to: the number or name of the last one to apply.
            allow_out_of_order: whether one may be applied after a later one.

        Raises:
            LeaseHeld: another process runs migrations; says who, and since when.
            MigrationHistoryError: one was edited, is missing, or is out of order.
            MigrationFailed: one raised; `status` says where it stands, and `up` goes on there.
            MigrationError: a file is malformed, or holds a value that is still to be filled in.
        """
        async with self._lease() as lease:
            found = await self.status()
            refuse_problems(found, allow_out_of_order=allow_out_of_order)
            chosen = pending(found, to)
            loaded = {each.name: self._ready(each) for each in chosen}
            batch = 1 + max((each.entry.batch for each in found if each.entry is not None), default=0)
            ran = []
            for each in chosen:
                entry = each.entry
                if entry is not None and entry.half_way and entry.direction == "down":
                    ran.append(await self._run(loaded[each.name], "down", entry, entry.batch, lease))
                    entry = await Journal(self.database).entry(each.name)
                ran.append(await self._run(loaded[each.name], "up", entry, batch, lease))
            return ran

    async def down(self, *, to: str | None = None, steps: int | None = None) -> list[RanMigration]:
        """Take applied migrations back, the last one first; one that is half-way is taken back from where it is.

        Args:
            to: the number or name of the last one that stays; "0" takes back all.
            steps: how many, instead; one when neither is given.

        Raises:
            IrreversibleMigration: one of them says there is no way back.
            LeaseHeld, MigrationHistoryError, MigrationFailed, MigrationError: see `up`.
        """
        async with self._lease() as lease:
            found = await self.status()
            chosen = revertible(found, to=to, steps=steps)
            refuse_problems(chosen)
            loaded = {each.name: self._ready(each) for each in chosen}
            return [
                await self._run(loaded[each.name], "down", each.entry, each.entry.batch if each.entry else 0, lease)
                for each in chosen
            ]

    async def resolve(self, wanted: str, state: State) -> Standing:
        """Write down that a migration is applied, or is not, without running it.

        Raises:
            MigrationError: there is no such migration, or no file of one that is to count as applied.
        """
        async with self._lease() as lease:
            found = await self.status()
            each = named(found, wanted)
            if each.file is None and state is State.APPLIED:
                raise MigrationError(f"{each.name} has no file.", hint="Bring it back, or say --rolled-back.")
            await self._settle(each, state, lease, "resolved by hand", batch=each.entry.batch if each.entry else 0)
            return named(await self.status(), each.name) if each.file is not None else each

    async def baseline(self, *, to: str | None = None) -> list[str]:
        """Write down that a database that has their changes already has these migrations; returns their names.

        Raises:
            MigrationError: some are applied here.
        """
        async with self._lease() as lease:
            found = await self.status()
            there = [each.name for each in found if each.in_database]
            if there:
                raise MigrationError(
                    f"this database has migrations already: {', '.join(there)}.",
                    hint="A baseline is for a database without a journal; use resolve for single ones.",
                )
            chosen = pending(found, to)
            for each in chosen:
                await self._settle(each, State.APPLIED, lease, "baseline", batch=1)
            return [each.name for each in chosen]

    async def forget(self, wanted: str) -> int:
        """Remove what an applied migration kept for its way back, which is then no longer exact."""
        async with self._lease() as lease:
            each = named(await self.status(), wanted)
            if each.in_database:
                await Journal(self.database, lease, self.who).forgotten(each.name)
            aside = aside_name(each.name, "")
            for name in await self.database.list_collection_names():
                if name.startswith(aside):
                    await self.database.drop_collection(name)
            return await forget_kept(self.database, each.name)

    async def reset(self) -> list[RanMigration]:
        """Drop every collection of the database and apply all migrations. For development."""
        async with self._lease():
            for name in await self.database.list_collection_names():
                if not name.startswith("system.") and name != "Lease":
                    await self.database.drop_collection(name)
        return await self.up()

    def _lease(self) -> MongoLease:
        return MongoLease(
            self.database, LEASE, owner=self.who or None, ttl=self.ttl, waiting=self.waiting, on_wait=self.on_wait
        )

    def _ready(self, standing: Standing) -> LoadedMigration:
        assert standing.file is not None, "refused before"
        lines = standing.file.unfilled()
        if lines:
            raise MigrationError(
                f"{standing.file.path}:{lines[0]} still says FILL_IN.",
                hint="Put the value there that existing documents get, and run it again.",
            )
        return standing.file.load()

    async def _settle(self, standing: Standing, state: State, lease: MongoLease, event: str, *, batch: int) -> None:
        journal = Journal(self.database, lease, self.who)
        if standing.file is None:
            await journal.forget(standing.name)
            return
        loaded = standing.file.load()
        await journal.settle(
            standing.name,
            state=state,
            checksum=standing.file.checksum,
            description=loaded.description,
            batch=batch,
            event=event,
        )

    async def _planned(self, standing: Standing, direction: Direction) -> PlannedMigration:
        loaded = self._ready(standing)
        entry = standing.entry
        with translated(loaded.name):
            steps = await self._dry(loaded, direction, counting=True)
        resumes = entry is not None and entry.half_way and entry.direction == direction
        return PlannedMigration(
            loaded.name,
            loaded.description,
            direction,
            resumes,
            _fits(loaded, steps) and not resumes,
            tuple(steps.planned),
        )

    async def _dry(self, loaded: LoadedMigration, direction: Direction, *, counting: bool = False) -> StepRunner:
        steps = StepRunner(self.database, loaded.name, direction, journal=None, counting=counting)
        try:
            await getattr(loaded, direction)(Migration(steps, self.action, self.directory))
        except (DocstoreError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise MigrationFailed(
                f"{loaded.name} raised {type(error).__name__} in its dry run: {error}.",
                hint="Code of its own may read what an earlier step has yet to write: put it into `m.once`.",
            ) from error
        return steps

    async def _run(
        self, loaded: LoadedMigration, direction: Direction, entry: Entry | None, batch: int, lease: MongoLease
    ) -> RanMigration:
        run = _Run(self, loaded, direction, entry or Entry(loaded.name, State.PENDING), batch, lease)
        with translated(loaded.name):
            async with self.database.client.start_session() as session:
                ran = await run.run(Transactions(session))
        self.on_done(ran)
        return ran


@dataclass
class _Run:
    """One migration going one way."""

    runner: MigrationRunner
    loaded: LoadedMigration
    direction: Direction
    entry: Entry
    batch: int
    lease: MongoLease
    journal: Journal = field(init=False)
    transactions: Transactions = field(init=False)
    totals: dict[str, int] = field(default_factory=dict)
    turned: bool = False
    """Whether this takes back what came only half-way."""
    started: float = 0.0

    def __post_init__(self) -> None:
        self.journal = Journal(self.runner.database, self.lease, self.runner.who)

    async def run(self, transactions: Transactions) -> RanMigration:
        self.runner.on_start(self.loaded.name, self.direction)
        self.started = time.monotonic()
        self.transactions = transactions
        if self.entry.half_way and self.entry.session:
            await end_session(self.runner.database.client, self.entry.session)
        resumes = self.entry.half_way and self.entry.direction == self.direction
        await prepare_journal(self.runner.database)
        await prepare_kept(self.runner.database)
        together = not resumes and not self.entry.half_way and await self._fits_transaction()
        await self._begin(resumes=resumes, together=together)
        try:
            steps = await (self._together() if together else self._by_steps(resumes=resumes))
        except asyncio.CancelledError:
            await asyncio.shield(self._failed("interrupted"))
            raise
        except Exception as error:
            await self._failed(f"{type(error).__name__}: {error}")
            if isinstance(error, DocstoreError):
                raise
            raise MigrationFailed(
                f"{self.loaded.name} raised {type(error).__name__} on its way {self.direction}: {error}.",
                hint=f"`docstore migrate status` says where it stands; `docstore migrate {self.direction}` goes on.",
            ) from error
        return await self._ran(steps, together=together)

    async def _begin(self, *, resumes: bool, together: bool) -> None:
        turned = self.entry.half_way and not resumes
        self.turned = turned or (resumes and self.entry.started_up is not None)
        if not self.entry.half_way and self.direction == "up":
            # What was kept on an earlier way there is used up; what was kept on the way back serves the same file only.
            await forget_kept(self.runner.database, self.loaded.name, "undo")
            if self.entry.checksum != self.loaded.file.checksum:
                await forget_kept(self.runner.database, self.loaded.name, "redo")
        await self.journal.begin(
            self.loaded.name,
            direction=self.direction,
            checksum=self.loaded.file.checksum,
            description=self.loaded.description,
            batch=self.batch,
            mode="transaction" if together else "batches",
            resume=resumes,
            session=self.transactions.id,
            started_up=self.entry.steps if turned else None,
        )
        self.entry = await self.journal.entry(self.loaded.name)

    async def _fits_transaction(self) -> bool:
        if self.loaded.transaction is not None:
            return self.loaded.transaction
        try:
            steps = await self.runner._dry(self.loaded, self.direction)
        except IrreversibleMigration:
            raise
        except DocstoreError:
            return False
        self.totals = {each.label: each.documents for each in steps.planned if each.documents is not None}
        return _fits(self.loaded, steps)

    async def _together(self) -> StepRunner:
        """The whole of it in one transaction, from its start again when it loses a race."""

        async def work() -> StepRunner:
            steps = self._steps(resumes=False)
            await self._call(steps)
            await self._finish(current_session())
            return steps

        return await self.transactions.run(work)

    async def _by_steps(self, *, resumes: bool) -> StepRunner:
        steps = self._steps(resumes=resumes)
        await self._call(steps)
        await self._finish(None)
        return steps

    def _steps(self, *, resumes: bool) -> StepRunner:
        return StepRunner(
            self.runner.database,
            self.loaded.name,
            self.direction,
            self.journal,
            self.transactions,
            done=self.entry.steps if resumes else (),
            started_up=self.entry.started_up if self.turned else None,
            pace=self.runner.pace,
            on_progress=self.runner.on_progress,
            check=self.lease.check,
            totals=self.totals,
        )

    async def _call(self, steps: StepRunner) -> None:
        await getattr(self.loaded, self.direction)(Migration(steps, self.runner.action, self.runner.directory))

    async def _finish(self, session: Any) -> None:
        state = State.APPLIED if self.direction == "up" else State.ROLLED_BACK
        await self.journal.finish(
            self.loaded.name, state=state, seconds=time.monotonic() - self.started, session=session
        )

    async def _failed(self, error: str) -> None:
        await self.journal.fail(self.loaded.name, error=error, seconds=time.monotonic() - self.started)

    async def _ran(self, steps: StepRunner, *, together: bool) -> RanMigration:
        entry = await self.journal.entry(self.loaded.name)
        notes = [
            f"{each.label}: {each.notes['unconvertible']} could not be converted: {', '.join(each.notes['ids'])}"
            for each in entry.steps
            if "unconvertible" in each.notes
        ]
        notes += [
            f"{each.label}: {each.notes['left']} were changed since, and are left as they are"
            for each in entry.steps
            if "left" in each.notes
        ]
        if entry.forgotten and self.direction == "down":
            notes.append("what it had kept was forgotten: values that it removed or wrote over did not come back")
        return RanMigration(
            self.loaded.name,
            self.loaded.description,
            self.direction,
            time.monotonic() - self.started,
            sum(each.documents for each in entry.steps),
            together,
            tuple(notes),
        )


def _fits(loaded: LoadedMigration, steps: StepRunner) -> bool:
    if loaded.transaction is not None:
        return loaded.transaction
    changed: Sequence[int] = [each.documents or 0 for each in steps.planned]
    return not steps.structural and bool(changed) and sum(changed) <= TRANSACTION_DOCUMENTS


__all__ = [
    "KEPT",
    "LEASE",
    "TRANSACTION_DOCUMENTS",
    "MigrationRunner",
    "PlannedMigration",
    "RanMigration",
]
