"""What a migration is handed: `m`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.schema.migrations.entries import StepRecord
from docstore.schema.migrations.field_helpers import FieldHelpers
from docstore.schema.migrations.raw_access import MigrationCollection, MigrationDatabase
from docstore.schema.migrations.sessions import current_session
from docstore.schema.migrations.steps import StepRunner
from docstore.schema.migrations.structure_helpers import StructureHelpers
from docstore.schema.migrations.value_helpers import ValueHelpers


class Migration(FieldHelpers, ValueHelpers, StructureHelpers):
    """The migration that runs: helpers for fields and structure, and the raw database for the rest.

    Every helper is a step: written down in the journal, resumed where it got to, counted in a dry run, and harmless
    when done again. Code of your own between them runs in every attempt, and once more to be counted; put what must
    run once into `once`.
    """

    def __init__(
        self, steps: StepRunner, action: Literal["off", "warn", "error"] = "error", directory: Path | None = None
    ) -> None:
        self._steps = steps
        self._action = action
        self._directory = directory

    @property
    def name(self) -> str:
        """The migration's name, such as ``0007_add_priority``."""
        return self._steps.migration

    @property
    def direction(self) -> Literal["up", "down"]:
        """Which way it goes."""
        return "up" if self._steps.direction == "up" else "down"

    @property
    def dry_run(self) -> bool:
        """Whether nothing is written, only counted."""
        return self._steps.dry

    @property
    def session(self) -> AsyncClientSession | None:
        """The transaction's session, where the migration runs in one; raw calls are handed it by themselves."""
        session: AsyncClientSession | None = current_session()
        return session

    @property
    def database(self) -> MigrationDatabase:
        """The raw database; in a dry run one that only reads and counts."""
        return MigrationDatabase(self._steps.database, self._steps)

    def collection(self, name: str) -> MigrationCollection:
        """A raw collection, deleted documents included; in a dry run one that only reads and counts."""
        return self.database[name]

    async def once(self, label: str, work: Callable[[AsyncClientSession], Awaitable[object]]) -> None:
        """Run code of your own exactly once, in a transaction together with its mark in the journal.

        Args:
            label: what it does; the same in every attempt.
            work: called with the session that each of its calls must be given; again when it loses a race.
        """
        await self._steps.once(label, work)

    def progress(self, done: int, total: int = 0, *, label: str = "code of its own") -> None:
        """Tell how far code of your own is."""
        self._steps.tell(StepRecord(label, done=False, documents=done, total=total))
