"""Running migrations against a database: up, down, and writing down what is so without running anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pymongo.asynchronous.database import AsyncDatabase

from docstore.clients.lease_rows import LEASE_COLLECTION, LeaseState, lease_state
from docstore.clients.leases import MongoLease
from docstore.documents import translated
from docstore.errors import DocstoreError, MigrationError, MigrationFailed
from docstore.schema.migrations.context import Migration
from docstore.schema.migrations.entries import Entry, State
from docstore.schema.migrations.files import LoadedMigration, find_migrations
from docstore.schema.migrations.journal import Journal
from docstore.schema.migrations.kept import KEPT, forget_kept
from docstore.schema.migrations.moved_collections import aside_name
from docstore.schema.migrations.planning import (
    Standing,
    named,
    pending,
    refuse_problems,
    revertible,
    standings,
)
from docstore.schema.migrations.reports import Direction, MigrationProgress, Pace, PlannedMigration, RanMigration
from docstore.schema.migrations.running import TRANSACTION_DOCUMENTS, MigrationRun, fits
from docstore.schema.migrations.steps import StepRunner
from docstore.schema.migrations.transacting import Transactions

Database = AsyncDatabase[dict[str, Any]]

LEASE: Final = "migrations"
"""The name of the lease that one process alone holds while it runs migrations."""


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
            steps = await self.dry(loaded, direction, counting=True)
        resumes = entry is not None and entry.half_way and entry.direction == direction
        return PlannedMigration(
            loaded.name,
            loaded.description,
            direction,
            resumes,
            fits(loaded, steps) and not resumes,
            tuple(steps.planned),
        )

    async def dry(self, loaded: LoadedMigration, direction: Direction, *, counting: bool = False) -> StepRunner:
        """Find out what a migration would do, by reading alone.

        Args:
            loaded: the migration.
            direction: its way.
            counting: whether what takes long to find out is wanted, too.
        """
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
        run = MigrationRun(self, loaded, direction, entry or Entry(loaded.name, State.PENDING), batch, lease)
        with translated(loaded.name):
            async with self.database.client.start_session() as session:
                ran = await run.run(Transactions(session))
        self.on_done(ran)
        return ran


__all__ = [
    "KEPT",
    "LEASE",
    "TRANSACTION_DOCUMENTS",
    "MigrationRunner",
    "PlannedMigration",
    "RanMigration",
]
