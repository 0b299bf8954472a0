"""Where a run of a migration has got to: its steps by number, as the journal has them from the attempt before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from docstore.errors import MigrationHistoryError
from docstore.schema.migrations.entries import StepRecord
from docstore.schema.migrations.journal import Journal
from docstore.schema.migrations.reports import MigrationProgress
from docstore.schema.migrations.sessions import current_session


@dataclass
class StepLog:
    """The steps of one run, which come in the order they are written in.

    Args:
        migration: the migration's name.
        journal: where steps are written down; None in a dry run.
        done: the steps of the attempt before.
        on_progress: told of each change of a step.
        check: raises when this process may no longer write.
    """

    migration: str
    journal: Journal | None
    done: tuple[StepRecord, ...]
    on_progress: Callable[[MigrationProgress], None]
    check: Callable[[], None]
    number: int = 0

    @property
    def begun_label(self) -> str | None:
        """The label of the step that comes next, when an attempt before has begun it."""
        return self.done[self.number].label if self.number < len(self.done) else None

    def resumed(self, label: str) -> StepRecord | None:
        """The record of the step that comes next, when an attempt before has begun it.

        Raises:
            MigrationHistoryError: that attempt had another step there.
        """
        if self.number >= len(self.done):
            return None
        record = self.done[self.number]
        if record.label != label:
            raise MigrationHistoryError(
                f"{self.migration} was changed since its last attempt: step {self.number + 1} was {record.label!r}, "
                f"and is {label!r}.",
                hint="Give it back the steps it has done, in their order, or roll it back: docstore migrate down.",
            )
        return record

    def passed(self) -> None:
        """The step is done, and written down as such."""
        self.number += 1

    async def write(self, record: StepRecord) -> None:
        """Write the step down, in the transaction that runs, if one does."""
        await self.claim()
        await self.checkpoint(record)

    async def claim(self) -> None:
        """Touch the migration's row, so that another process's write of it conflicts."""
        assert self.journal is not None
        self.check()
        await self.journal.claim(self.migration, current_session())

    async def checkpoint(self, record: StepRecord) -> None:
        """Write down where the step is; `claim` came before."""
        assert self.journal is not None
        await self.journal.step(self.migration, self.number, record, current_session())

    async def finish(self, record: StepRecord) -> StepRecord:
        """Write the step down as done; the next one comes."""
        done = replace(record, done=True)
        await self.write(done)
        self.passed()
        self.tell(done)
        return done

    def tell(self, record: StepRecord) -> None:
        """Tell who watches."""
        self.on_progress(MigrationProgress(self.migration, record.label, record.documents, record.total))
