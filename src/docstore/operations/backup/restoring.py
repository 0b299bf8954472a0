"""Restoring a backup.

First everything is verified; then collections are filled under working names while what is there stays as it is; last
they are renamed into their places. A journal in the database says at every moment how far that is, so that the same
command goes on where a killed one stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from docstore.clients.leases import MongoLease
from docstore.documents import translated
from docstore.errors import BackupError
from docstore.operations.backup.catalog import (
    CollectionSpec,
    Database,
    build_indexes,
    create_empty,
    read_options,
    set_validator,
)
from docstore.operations.backup.contents import Backup, StoredCollection
from docstore.operations.backup.journal import JOURNAL_COLLECTION, Journal, RestoreState, State, Step, Way
from docstore.operations.backup.loading import fill, known_count
from docstore.operations.backup.planning import (
    chosen_collections,
    drop_leftovers,
    existing_collections,
    expect_free,
    expect_same,
    fresh_plan,
    rename_into_place,
    renames_keep_options,
)
from docstore.operations.backup.restore_terms import (
    RestoredCollection,
    RestoreOptions,
    RestoreProgress,
    RestoreReport,
    Stage,
)
from docstore.operations.backup.verifying import VerifyProgress, raise_problems, verify_backup

LEASE: Final = "restoring"
_COPIED_A_SECOND: Final = 50
"""Documents that the slowest server copies when it renames, with all their indexes."""


async def restore_backup(
    backup: Backup,
    database: Database,
    options: RestoreOptions | None = None,
    *,
    on_progress: Callable[[RestoreProgress], None] | None = None,
) -> RestoreReport:
    """Restore a backup into a database, which need not be the one it was made of.

    Args:
        backup: opened.
        database: the raw database to write to. Its client must not cut off long commands.
        options: how.
        on_progress: called often.

    Raises:
        CorruptBackup: it is damaged; nothing was written.
        RestoreRefused: collections are in the way, or another restore was cut off there.
        LeaseHeld: another restore into this database is running.
        UniqueViolation: documents share what an index wants unique.
        BackupError: the server refuses something.
        ServerUnavailable: it does not answer.
    """
    options, start = options or RestoreOptions(), time.perf_counter()
    listen = on_progress or _ignore
    report = await verify_backup(backup, options.only, on_progress=lambda at: listen(_verifying(at)))
    raise_problems(report, backup.folder)
    stored = chosen_collections(await asyncio.to_thread(backup.collections), options.only)
    waiting = options.lease_s + 2 if options.wait_s is None else options.wait_s
    lease = MongoLease(database, LEASE, ttl=options.lease_s, waiting=waiting, collection=JOURNAL_COLLECTION)
    async with lease:
        journal = Journal(database)
        found = await journal.read()
        if found is not None and not options.restart:
            expect_same(found, backup, stored, indexes=options.indexes)
        resumed = found is not None and not options.restart
        state = found if found is not None and resumed else await _begun(journal, database, backup, stored, options)
        await drop_leftovers(database, state)
        restoring = _Restoring(database, backup, journal, lease, state, options, listen)
        made = await restoring.run(stored)
        await journal.close()
    await journal.vanish()
    left = sorted(await existing_collections(database) - {each.name for each in stored})
    seconds = time.perf_counter() - start
    return RestoreReport(database.name, tuple(made), tuple(left), tuple(backup.notes), resumed, seconds)


async def restore_state(database: Database) -> RestoreState | None:
    """The restore into a database that is under way or was cut off; None when there is none."""
    return await Journal(database).read()


async def _begun(
    journal: Journal, database: Database, backup: Backup, stored: Sequence[StoredCollection], options: RestoreOptions
) -> RestoreState:
    state = await fresh_plan(
        database, backup, stored, drop=options.drop, in_place=options.in_place, indexes=options.indexes
    )
    await journal.write(state)
    return state


class _Restoring:
    """One run of a restore."""

    def __init__(
        self,
        database: Database,
        backup: Backup,
        journal: Journal,
        lease: MongoLease,
        state: RestoreState,
        options: RestoreOptions,
        listen: Callable[[RestoreProgress], None],
    ) -> None:
        self._database = database
        self._backup = backup
        self._journal = journal
        self._lease = lease
        self._state = state
        self._options = options
        self._listen = listen
        self._writing = asyncio.Lock()

    async def run(self, stored: Sequence[StoredCollection]) -> list[RestoredCollection]:
        """Everything, in the order in which it can be cut off with the least harm."""
        by_name = {each.name: each for each in stored}
        steps = self._state.steps
        # What replaces something by being filled in place comes after all that could still fail.
        first = [step for step in steps if not by_name[step.name].spec.is_view and not _drops_first(step)]
        await self._fill_all(first, by_name)
        await self._place_all(by_name)
        last = [step for step in steps if not by_name[step.name].spec.is_view and _drops_first(step)]
        await self._fill_all(last, by_name)
        for step in self._state.steps:
            if by_name[step.name].spec.is_view:
                await self._make_view(step, by_name[step.name].spec)
        return [self._made(step, by_name[step.name].spec) for step in self._state.steps]

    async def _fill_all(self, steps: Sequence[Step], stored: dict[str, StoredCollection]) -> None:
        free = asyncio.Semaphore(max(1, self._options.parallel))

        async def one(step: Step) -> None:
            async with free:
                await self._fill(step, stored[step.name])

        try:
            async with asyncio.TaskGroup() as group:
                for step in sorted(steps, key=lambda each: -each.documents):
                    if step.state not in (State.FILLED, State.PLACED):
                        group.create_task(one(step))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _fill(self, step: Step, stored: StoredCollection) -> None:
        direct = step.way is Way.DIRECT
        if direct and step.state is State.WAITING and not step.replaces:
            await expect_free(self._database, step)
        step = await self._move(step, State.FILLING)
        name = step.name if direct else step.working
        self._lease.check()
        with translated(step.name):
            await self._database.drop_collection(name)
        await create_empty(self._database, name, stored.spec)
        total = step.documents
        done = await fill(
            self._database, name, stored, self._backup, lambda at: self._tell(step, Stage.DOCUMENTS, at, max(at, total))
        )
        self._lease.check()
        if self._options.indexes and len(stored.spec.indexes) > 1:
            self._tell(step, Stage.INDEXES, 0, len(stored.spec.indexes) - 1)
            await build_indexes(self._database, name, stored.spec)
        await self._expect_count(name, stored, done)
        await self._move(step, State.PLACED if direct else State.FILLED, documents=done)

    async def _expect_count(self, name: str, stored: StoredCollection, done: int) -> None:
        if stored.documents is not None and done != stored.documents:
            raise BackupError(
                f"{stored.name}: {done:,} documents were inserted, the backup says {stored.documents:,}.",
                hint="The backup changed after it was verified. Repeat the command.",
            )
        if stored.spec.is_time_series:
            return
        with translated(stored.name):
            now = await known_count(self._database, name)
        # Each document was acknowledged; this finds those of others.
        if now is not None and now != done:
            raise BackupError(
                f"{stored.name}: {done:,} documents were inserted, and {now:,} are there.",
                hint="Somebody writes to the database that is restored. Keep others out, and repeat the command.",
                collection=stored.name,
            )

    async def _place_all(self, stored: dict[str, StoredCollection]) -> None:
        filled = [step for step in self._state.steps if step.way is Way.SWAP and step.state is not State.PLACED]
        copies = bool(filled) and not await renames_keep_options(self._database)
        for step in filled:
            if copies:  # and while it does, such a server answers nobody, not even the lease's renewals
                await self._lease.hold_for(self._options.lease_s + step.documents / _COPIED_A_SECOND)
            await self._place(step, stored[step.name].spec)

    async def _place(self, step: Step, spec: CollectionSpec) -> None:
        self._tell(step, Stage.PLACING, 0, 1)
        self._lease.check()
        await rename_into_place(self._database, step)
        if await read_options(self._database, step.name) != dict(spec.options):
            await set_validator(self._database, step.name, spec)
        await self._move(step, State.PLACED)

    async def _make_view(self, step: Step, spec: CollectionSpec) -> None:
        if step.state is State.PLACED:
            return
        if step.state is State.WAITING and not step.replaces:
            await expect_free(self._database, step)
        await self._move(step, State.FILLING)
        self._lease.check()
        with translated(step.name):
            await self._database.drop_collection(step.name)
        await create_empty(self._database, step.name, spec)
        await self._move(step, State.PLACED)

    async def _move(self, step: Step, to: State, documents: int | None = None) -> Step:
        self._lease.check()
        async with self._writing:
            self._state = await self._journal.move(self._state, step.name, to, documents=documents)
        return next(each for each in self._state.steps if each.name == step.name)

    def _made(self, step: Step, spec: CollectionSpec) -> RestoredCollection:
        built = max(0, len(spec.indexes) - 1) if self._options.indexes else 0
        return RestoredCollection(step.name, step.documents, built, step.replaces)

    def _tell(self, step: Step, stage: Stage, done: int, total: int) -> None:
        self._listen(RestoreProgress(step.name, stage, done, total))


def _drops_first(step: Step) -> bool:
    return step.way is Way.DIRECT and step.replaces


def _verifying(at: VerifyProgress) -> RestoreProgress:
    return RestoreProgress(at.file, Stage.VERIFYING, at.number, at.total)


def _ignore(_: RestoreProgress) -> None: ...
