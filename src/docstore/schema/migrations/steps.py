"""Running the steps of a migration: numbered, resumed where the last attempt got to, or only counted in a dry run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents import current_transaction
from docstore.errors import MigrationError
from docstore.schema.migrations.batches import BatchRun
from docstore.schema.migrations.document_steps import DocumentStep
from docstore.schema.migrations.entries import StepRecord
from docstore.schema.migrations.flipping import Flips
from docstore.schema.migrations.journal import Journal
from docstore.schema.migrations.kept import KeptRows
from docstore.schema.migrations.listing import has_live_cursors
from docstore.schema.migrations.refusals import expect_convertible, refused_values
from docstore.schema.migrations.reports import MigrationProgress, Pace, PlannedStep
from docstore.schema.migrations.sessions import current_session
from docstore.schema.migrations.step_log import StepLog
from docstore.schema.migrations.transacting import Transactions
from docstore.schema.migrations.values import Row
from docstore.schema.migrations.way_there import WayThere

Database = AsyncDatabase[dict[str, Any]]

R = TypeVar("R")


class Moves(Protocol):
    """Something that a step moves by more than one command: noted before the first, completed after the last, also by
    the process that goes on when this one was killed between them."""

    async def noted(self) -> Mapping[str, Any]:
        """What has to be known afterwards."""
        ...

    async def completed(self, notes: Mapping[str, Any]) -> None:
        """Bring it to its end; nothing, when it is."""
        ...


@dataclass
class StepRunner:
    """Runs the steps of one migration in one direction.

    Args:
        database: the raw database.
        migration: the migration's name.
        direction: "up" or "down".
        journal: where steps are written down; None in a dry run.
        transactions: those of the run; None in a dry run.
        done: the steps of the attempt before.
        started_up: in the way back from half-way, the steps up() had begun; None otherwise.
        pace: see `Pace`.
        on_progress: told after each batch.
    """

    database: Database
    migration: str
    direction: str
    journal: Journal | None
    transactions: Transactions | None = None
    done: tuple[StepRecord, ...] = ()
    started_up: tuple[StepRecord, ...] | None = None
    pace: Pace = field(default_factory=Pace)
    on_progress: Callable[[MigrationProgress], None] = lambda _: None
    check: Callable[[], None] = lambda: None
    """Raises when this process may no longer write."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """How many documents a dry run has counted just now, by the step's label."""
    counting: bool = False
    """In a dry run: whether what takes long to find out is wanted, too."""
    planned: list[PlannedStep] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    """In a dry run: where the documents are of collections that a step before would have renamed, by their new name."""
    structural: bool = False
    """Whether a step so far was none that a transaction can hold."""

    def __post_init__(self) -> None:
        self._log = StepLog(self.migration, self.journal, self.done, self.on_progress, self.check)
        self._way_there = WayThere(self.started_up)

    @property
    def dry(self) -> bool:
        """Whether nothing is to be written."""
        return self.journal is None

    def kept(self, key: str, collection: str, *, bypass: bool = False) -> KeptRows:
        """What is kept for one thing the migration does."""
        return KeptRows(self.database, self.migration, key, collection, bypass=bypass)

    def stored(self, collection: str) -> AsyncCollection[dict[str, Any]]:
        """A collection, as it is called in the database."""
        return self.database[self.renamed.get(collection, collection)]

    @property
    def begun_label(self) -> str | None:
        """The label of the step that comes next, when an attempt before has begun it."""
        return self._log.begun_label

    def skips(self, inverse: str | None) -> bool:
        """Whether a step back has nothing to take back, because the way there never came to it."""
        return self._way_there.never_came_to(inverse)

    async def documents(
        self, step: DocumentStep, *, key: str | None = None, way: str | None = None, inverse: str | None = None
    ) -> StepRecord | None:
        """Change the documents of a collection.

        Args:
            step: what is to happen.
            key: under which earlier states are kept; None keeps none.
            way: for which way: back from the direction of this run by default.
            inverse: the label of the step that this one takes back.

        Returns:
            The step's record; None in a dry run.
        """
        if self.skips(inverse):
            return None
        if self.dry:
            await self._plan_documents(step)
            return None
        record = self._log.resumed(step.label)
        if record is not None and record.done:
            self._log.passed()
            return record
        if record is None:
            await expect_convertible(self.database[step.collection], step, session=current_session())
            total = self.totals.get(step.label)
            if total is None:
                total = await self.database[step.collection].count_documents(
                    dict(step.where), session=current_session()
                )
            record = StepRecord(step.label, done=False, total=total)
            await self._log.write(record)
        bypass = await self._has_validator(step.collection)
        run = BatchRun(
            self.database,
            step,
            kept=self.kept(key, step.collection, bypass=bypass) if key is not None and step.keep else None,
            way=way or ("undo" if self.direction == "up" else "redo"),
            claim=self._log.claim,
            checkpoint=self._log.checkpoint,
            transact=self._transacted,
            record=record,
            batch_size=self.pace.batch_size,
            throttle=self.pace.throttle,
            bypass=bypass,
            until=self._way_there.bound(inverse),
            live=await has_live_cursors(self.database),
        )
        self._log.tell(record)
        finished = await run.run(self._log.tell)
        return await self._log.finish(finished)

    async def flips(
        self,
        label: str,
        key: str,
        collection: str,
        *,
        way: str,
        backward: Callable[[Row], None] | None = None,
        again: bool = True,
        inverse: str | None = None,
    ) -> None:
        """Give documents the states that were kept of them; see `KeptRows.flip`."""
        if self.skips(inverse):
            return
        if self.dry:
            count = await self.kept(key, collection).count(way)
            if count or way == "undo":
                self.planned.append(PlannedStep(label, "documents", count, "from what was kept", collection))
            return
        record = self._log.resumed(label)
        if record is None:
            total = await self.kept(key, collection).count(way, current_session())
            record = StepRecord(label, done=False, total=total)
            await self._log.write(record)
        if record.done:
            self._log.passed()
            return
        kept = self.kept(key, collection, bypass=await self._has_validator(collection))
        record = await Flips(kept, self._log, self._transacted, self.pace.throttle).run(
            record, way, backward, again=again
        )
        await self._log.finish(record)

    async def structure(
        self,
        label: str,
        act: Callable[[], Awaitable[object]],
        *,
        needed: Callable[[], Awaitable[bool]],
        inverse: str | None = None,
        detail: str = "",
        moves: Moves | None = None,
    ) -> None:
        """Change a collection, an index or a validator: what no transaction can hold. Done again, it does no harm.

        Args:
            label: what it does.
            act: does it.
            needed: whether it is not done already.
            inverse: the label of the step that this one takes back.
            detail: for the dry run.
            moves: what `act` may leave behind on the way.
        """
        if self.skips(inverse):
            return
        self.structural = True
        if self.dry:
            missing = await needed() and not (inverse is not None and await self._was_there(inverse))
            self.planned.append(PlannedStep(label, "structure", None, detail if missing else "is so already"))
            return
        if current_transaction() is not None:
            raise MigrationError(
                f"{self.migration}: {label} cannot be part of a transaction.",
                hint="Take `transaction = True` out of the file, or move this into a migration of its own.",
            )
        record = self._log.resumed(label)
        if record is not None and record.done:
            self._log.passed()
            return
        if record is None:
            # Told once, at the beginning: afterwards nobody knows whether it was this migration that did it.
            already = not await needed() or (inverse is not None and await self._was_there(inverse))
            held = await moves.noted() if moves is not None else {}
            record, to_do = StepRecord(label, done=False, notes={"already": already, **held}), not already
            if not already:
                await self._log.write(record)
        else:
            already = bool(record.notes.get("already"))
            to_do = not already and await needed()
        self._log.tell(record)
        self.check()
        if to_do:
            await act()
        if moves is not None and not already:
            await moves.completed(record.notes)
        if already and self.direction == "up":
            await self.kept(_as_it_was(label), "").mark()
        await self._log.finish(record)

    async def _was_there(self, label: str) -> bool:
        """Whether what a step was to make was there before it, so that the way back leaves it."""
        return self.direction == "down" and await self.kept(_as_it_was(label), "").is_marked()

    async def once(self, label: str, work: Callable[[Any], Awaitable[object]]) -> None:
        """Run code of the migration's own once: in a transaction, together with its mark in the journal."""
        if self.dry:
            self.planned.append(PlannedStep(label, "code", None, "code of the migration's own, not run"))
            return
        record = self._log.resumed(label)
        if record is not None and record.done:
            self._log.passed()
            return
        self._log.tell(StepRecord(label, done=False))

        async def together() -> None:
            await work(current_session())
            await self._log.write(StepRecord(label, done=True))

        self.check()
        await self._transacted(together)
        self._log.passed()

    async def _plan_documents(self, step: DocumentStep) -> None:
        there = self.stored(step.collection)
        count = await there.count_documents(dict(step.where))
        problems = await refused_values(there, step) if step.nullify is not None else None
        detail = ""
        if problems is not None and problems.count:
            detail = f"{problems.count} cannot be converted ({step.on_error}): {', '.join(problems.ids)}"
        self.planned.append(PlannedStep(step.label, "documents", count, detail, step.collection))

    async def _has_validator(self, collection: str) -> bool:
        found = await (await self.database.list_collections(filter={"name": collection})).to_list()
        return bool(found and found[0].get("options", {}).get("validator"))

    def tell(self, record: StepRecord) -> None:
        """Tell who watches where a step is."""
        self._log.tell(record)

    async def _transacted(self, work: Callable[[], Awaitable[R]]) -> R:
        assert self.transactions is not None
        return await self.transactions.run(work)


def _as_it_was(label: str) -> str:
    return f"as it was: {label}"
