"""One migration going one way: begun or gone on with, in one transaction or step by step, and written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from docstore.clients.leases import MongoLease
from docstore.errors import DocstoreError, IrreversibleMigration, MigrationFailed
from docstore.schema.migrations.context import Migration
from docstore.schema.migrations.entries import Entry, State
from docstore.schema.migrations.files import LoadedMigration
from docstore.schema.migrations.journal import Journal, prepare_journal
from docstore.schema.migrations.kept import forget_kept, prepare_kept
from docstore.schema.migrations.reports import Direction, RanMigration
from docstore.schema.migrations.sessions import current_session
from docstore.schema.migrations.steps import StepRunner
from docstore.schema.migrations.transacting import Transactions, end_session

if TYPE_CHECKING:
    from docstore.schema.migrations.runner import MigrationRunner

TRANSACTION_DOCUMENTS: Final = 1000
"""Most documents that a migration changes in one transaction, when it does not say itself."""


@dataclass
class MigrationRun:
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
        """Run it to its end, or write down where it stopped."""
        self.runner.on_start(self.loaded.name, self.direction)
        self.started = time.monotonic()
        self.transactions = transactions
        if self.entry.half_way and self.entry.session:
            await end_session(self.runner.database.client, self.entry.session)
        resumes = self.entry.half_way and self.entry.direction == self.direction
        await prepare_journal(self.runner.database)
        await prepare_kept(self.runner.database)
        together = not resumes and not self.entry.half_way and await self._fits_transaction()
        # What it writes down is written whole, so that there is no telling it from what was interrupted later.
        begun = asyncio.create_task(self._begin(resumes=resumes, together=together))
        try:
            await asyncio.shield(begun)
            steps = await (self._together() if together else self._by_steps(resumes=resumes))
        except asyncio.CancelledError:
            await asyncio.wait({begun})
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
            steps = await self.runner.dry(self.loaded, self.direction)
        except IrreversibleMigration:
            raise
        except DocstoreError:
            return False
        self.totals = {each.label: each.documents for each in steps.planned if each.documents is not None}
        return fits(self.loaded, steps)

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


def fits(loaded: LoadedMigration, steps: StepRunner) -> bool:
    """Whether a migration is to run in one transaction, by what a dry run has found."""
    if loaded.transaction is not None:
        return loaded.transaction
    changed: Sequence[int] = [each.documents or 0 for each in steps.planned]
    return not steps.structural and bool(changed) and sum(changed) <= TRANSACTION_DOCUMENTS
