"""Running the steps of a migration: numbered, resumed where the last attempt got to, or only counted in a dry run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents import current_transaction
from docstore.errors import MigrationError, MigrationFailed, MigrationHistoryError
from docstore.schema.migrations.batches import BatchRun, refused_values
from docstore.schema.migrations.document_steps import DocumentStep
from docstore.schema.migrations.journal import Journal, StepRecord
from docstore.schema.migrations.kept import KeptRows
from docstore.schema.migrations.listing import has_live_cursors
from docstore.schema.migrations.reports import MigrationProgress, Pace, PlannedStep
from docstore.schema.migrations.transacting import Transactions
from docstore.schema.migrations.values import Row

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
    _number: int = 0

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
        return self.done[self._number].label if self._number < len(self.done) else None

    def skips(self, inverse: str | None) -> bool:
        """Whether a step back has nothing to take back, because the way there never came to it."""
        if self.started_up is None or inverse is None:
            return False
        begun = self._begun(inverse)
        return begun is None or (not begun.done and begun.total > 0 and begun.after is None and begun.documents == 0)

    def _begun(self, label: str | None) -> StepRecord | None:
        """The step of this label that the way there had begun."""
        for each in self.started_up or ():
            if label is not None and (each.label == label or each.label.startswith(f"{label} (")):
                return each
        return None

    def _bound(self, inverse: str | None) -> tuple[Any, ...]:
        """How far the step that is taken back had come, when it had not come to its end."""
        begun = self._begun(inverse)
        return () if begun is None or begun.done else (begun.after,)

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
        record = self._resumed(step.label)
        if record is not None and record.done:
            self._number += 1
            return record
        if record is None:
            await self._check_values(step)
            total = self.totals.get(step.label)
            if total is None:
                total = await self.database[step.collection].count_documents(
                    dict(step.where), session=current_session()
                )
            record = StepRecord(step.label, done=False, total=total)
            await self._write(record)
        bypass = await self._has_validator(step.collection)
        run = BatchRun(
            self.database,
            step,
            kept=self.kept(key, step.collection, bypass=bypass) if key is not None and step.keep else None,
            way=way or ("undo" if self.direction == "up" else "redo"),
            claim=self._claim,
            checkpoint=self._checkpoint,
            transact=self._transacted,
            record=record,
            batch_size=self.pace.batch_size,
            throttle=self.pace.throttle,
            bypass=bypass,
            until=self._bound(inverse),
            live=await has_live_cursors(self.database),
        )
        self._tell(record)
        finished = await run.run(self._tell)
        return await self._finish(finished)

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
        record = self._resumed(label)
        if record is None:
            total = await self.kept(key, collection).count(way, current_session())
            record = StepRecord(label, done=False, total=total)
            await self._write(record)
        if record.done:
            self._number += 1
            return
        kept = self.kept(key, collection, bypass=await self._has_validator(collection))
        record = await self._flip_all(kept, record, way=way, backward=backward, again=again)
        await self._finish(record)

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
        record = self._resumed(label)
        if record is not None and record.done:
            self._number += 1
            return
        if record is None:
            # Told once, at the beginning: afterwards nobody knows whether it was this migration that did it.
            already = not await needed() or (inverse is not None and await self._was_there(inverse))
            held = await moves.noted() if moves is not None else {}
            record, to_do = StepRecord(label, done=False, notes={"already": already, **held}), not already
            if not already:
                await self._write(record)
        else:
            already = bool(record.notes.get("already"))
            to_do = not already and await needed()
        self._tell(record)
        self.check()
        if to_do:
            await act()
        if moves is not None and not already:
            await moves.completed(record.notes)
        if already and self.direction == "up":
            await self.kept(_as_it_was(label), "").mark()
        await self._finish(record)

    async def _was_there(self, label: str) -> bool:
        """Whether what a step was to make was there before it, so that the way back leaves it."""
        return self.direction == "down" and await self.kept(_as_it_was(label), "").is_marked()

    async def once(self, label: str, work: Callable[[Any], Awaitable[object]]) -> None:
        """Run code of the migration's own once: in a transaction, together with its mark in the journal."""
        if self.dry:
            self.planned.append(PlannedStep(label, "code", None, "code of the migration's own, not run"))
            return
        record = self._resumed(label)
        if record is not None and record.done:
            self._number += 1
            return
        self._tell(StepRecord(label, done=False))

        async def together() -> None:
            await work(current_session())
            await self._write(StepRecord(label, done=True))

        self.check()
        await self._transacted(together)
        self._number += 1

    async def _flip_all(
        self,
        kept: KeptRows,
        record: StepRecord,
        *,
        way: str,
        backward: Callable[[Row], None] | None,
        again: bool,
    ) -> StepRecord:
        started, first = time.monotonic(), record.documents
        while (row := await kept.next_row(way, current_session())) is not None:
            held = row

            async def work(held: Row = held, before: StepRecord = record) -> StepRecord:
                changed, left = await kept.flip(held, current_session(), backward=backward, again=again)
                notes = dict(before.notes)
                if left:
                    notes["left"] = notes.get("left", 0) + left
                after = replace(before, documents=before.documents + changed, notes=notes)
                await self._write(after)
                return after

            record = await self._transacted(work)
            self._tell(record)
            if self.pace.throttle:
                ahead = (record.documents - first) / self.pace.throttle - (time.monotonic() - started)
                await asyncio.sleep(max(0.0, ahead))
        return record

    async def _plan_documents(self, step: DocumentStep) -> None:
        there = self.stored(step.collection)
        count = await there.count_documents(dict(step.where))
        problems = await refused_values(there, step) if step.nullify is not None else None
        detail = ""
        if problems is not None and problems.count:
            detail = f"{problems.count} cannot be converted ({step.on_error}): {', '.join(problems.ids)}"
        self.planned.append(PlannedStep(step.label, "documents", count, detail, step.collection))

    async def _check_values(self, step: DocumentStep) -> None:
        """Find every value that cannot be converted before the first is, so that nothing is left half-way."""
        if step.nullify is None or step.on_error != "stop":
            return
        problems = await refused_values(self.database[step.collection], step, session=current_session())
        if problems.count:
            raise MigrationFailed(
                f"{step.label}: {problems.count} documents of {step.collection} hold a value that cannot be converted "
                f"({problems.reason}): {', '.join(problems.ids)}{' …' if problems.count > len(problems.ids) else ''}.",
                hint='Mend them, or say on_error="skip" or on_error="null" in the migration.',
                collection=step.collection,
            )

    async def _has_validator(self, collection: str) -> bool:
        found = await (await self.database.list_collections(filter={"name": collection})).to_list()
        return bool(found and found[0].get("options", {}).get("validator"))

    def _resumed(self, label: str) -> StepRecord | None:
        if self._number >= len(self.done):
            return None
        record = self.done[self._number]
        if record.label != label:
            raise MigrationHistoryError(
                f"{self.migration} was changed since its last attempt: step {self._number + 1} was {record.label!r}, "
                f"and is {label!r}.",
                hint="Give it back the steps it has done, in their order, or roll it back: docstore migrate down.",
            )
        return record

    async def _write(self, record: StepRecord) -> None:
        await self._claim()
        await self._checkpoint(record)

    async def _claim(self) -> None:
        assert self.journal is not None
        self.check()
        await self.journal.claim(self.migration, current_session())

    async def _checkpoint(self, record: StepRecord) -> None:
        assert self.journal is not None
        await self.journal.step(self.migration, self._number, record, current_session())

    async def _transacted(self, work: Callable[[], Awaitable[R]]) -> R:
        assert self.transactions is not None
        return await self.transactions.run(work)

    async def _finish(self, record: StepRecord) -> StepRecord:
        done = replace(record, done=True)
        await self._write(done)
        self._number += 1
        self._tell(done)
        return done

    def _tell(self, record: StepRecord) -> None:
        self.on_progress(MigrationProgress(self.migration, record.label, record.documents, record.total))


def _as_it_was(label: str) -> str:
    return f"as it was: {label}"


def current_session() -> Any:
    """The session of the transaction this task is in, or None."""
    transaction = current_transaction()
    return transaction.session if transaction else None


def top_level(*paths: str) -> tuple[str, ...]:
    """The top-level fields of some paths."""
    return tuple(dict.fromkeys(path.split(".")[0] for path in paths))


def filter_any(*conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Documents that meet one of some conditions."""
    return dict(conditions[0]) if len(conditions) == 1 else {"$or": [dict(each) for each in conditions]}
