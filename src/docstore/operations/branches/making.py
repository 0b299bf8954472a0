"""Making, deleting and clearing up branches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from docstore.errors import BranchError
from docstore.operations.backup.catalog import CollectionSpec, Database, create_empty, read_catalog
from docstore.operations.backup.journal import is_bookkeeping
from docstore.operations.backup.planning import renames_keep_options
from docstore.operations.branches.copying import copy_chosen, copy_whole
from docstore.operations.branches.registry import MARK_COLLECTION, Branch, BranchState, Registry, database_of
from docstore.operations.branches.sampling import WHOLE, Sample, links_of
from docstore.outbox import skip_copied_entries

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

_LONGEST_COPY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class BranchOptions:
    """How a branch is made.

    Args:
        sample: so many documents of each collection, and what they refer to; None for all of them.
        expires_in: after which `prune_branches` removes it; None for never.
        replace: delete a branch of that name first.
        parallel: how many collections at once.
        by_server: let the server copy by itself (``$out``) instead of through here; None for where it keeps options
            as MongoDB does.
    """

    sample: int | None = None
    expires_in: timedelta | None = None
    replace: bool = False
    parallel: int = 4
    by_server: bool | None = None


@dataclass(frozen=True, slots=True)
class BranchProgress:
    """A collection that is copied, the `number`-th of `total`."""

    collection: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class MadeBranch:
    """A branch that was made: documents by collection, and the expired branches that were removed before it."""

    branch: Branch
    documents: dict[str, int] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    seconds: float = 0.0


async def create_branch(
    client: AsyncMongoClient[dict[str, Any]],
    base: str,
    name: str,
    options: BranchOptions | None = None,
    *,
    models: Sequence[type[Any]] = (),
    on_progress: Callable[[BranchProgress], None] | None = None,
) -> MadeBranch:
    """Copy a database under a branch's name: documents, indexes, validators and other options, views.

    Collections are copied one after the other while the base goes on, so a branch is not of one moment; a backup
    restored under the branch's name would be. Events that wait in the base's outbox are the base's to send: in the
    branch they are skipped. Expired branches of the same base are removed first.

    Args:
        client: a raw client that does not cut off long commands.
        base: the database to copy.
        name: of the branch.
        options: how.
        models: whose references a sample follows.
        on_progress: called before each collection.

    Raises:
        BranchError: the name cannot be, there is such a branch or database, or the base is empty.
        UniqueViolation: documents of the base changed such that an index cannot be built; the branch is removed.
    """
    options, start = options or BranchOptions(), time.perf_counter()
    registry, now = Registry(client, base), datetime.now(UTC)
    source, target = client[base], client[database_of(base, name)]
    catalog = [each for each in await read_catalog(source) if not _is_left_out(each)]
    if not catalog:
        raise BranchError(f"the database {base!r} is empty or does not exist.", hint="Check DATABASE_NAME.")
    removed = await prune_branches(client, base)
    if options.replace and (old := await registry.find(name)) is not None:
        await registry.drop(old)
    expires = None if options.expires_in is None else now + options.expires_in
    branch = Branch(name, base, now, expires, options.sample, ready=False)
    await _claimed(registry, branch)
    try:
        documents = await _copied(source, target, catalog, options, models, on_progress or _ignore)
        await skip_copied_entries(target)
        await registry.confirm(branch)
    except BaseException:
        await asyncio.shield(registry.drop(branch))
        raise
    made = Branch(name, base, now, expires, options.sample, ready=True)
    return MadeBranch(made, documents, removed, time.perf_counter() - start)


async def delete_branch(client: AsyncMongoClient[dict[str, Any]], base: str, name: str) -> Branch:
    """Delete a branch.

    Raises:
        BranchError: there is no such branch; a database that is none is left alone.
    """
    registry = Registry(client, base)
    branch = await registry.expect(name)
    await registry.drop(branch)
    return branch


async def list_branches(client: AsyncMongoClient[dict[str, Any]], base: str) -> list[Branch]:
    """The branches of a database, the oldest first."""
    return await Registry(client, base).all()


async def prune_branches(
    client: AsyncMongoClient[dict[str, Any]], base: str, *, dry_run: bool = False
) -> tuple[str, ...]:
    """Remove the branches that have expired, and those whose making was cut off more than a day ago; their names."""
    registry, now = Registry(client, base), datetime.now(UTC)
    doomed = [each for each in await registry.all() if _is_doomed(each, now)]
    for branch in doomed:
        if not dry_run:
            await registry.drop(branch)
    return tuple(each.name for each in doomed)


async def _claimed(registry: Registry, branch: Branch) -> None:
    """Mark the branch as ours; cancelled meanwhile, the mark that may have been set is taken away again."""
    marking = asyncio.create_task(registry.mark(branch))
    try:
        await asyncio.shield(marking)
    except asyncio.CancelledError:
        await asyncio.wait([marking])
        if marking.exception() is None:
            await asyncio.shield(registry.drop(branch))
        raise


def _is_doomed(branch: Branch, now: datetime) -> bool:
    if branch.state(now) is BranchState.EXPIRED:
        return True
    return not branch.ready and branch.created < now - _LONGEST_COPY


def _is_left_out(spec: CollectionSpec) -> bool:
    return is_bookkeeping(spec.name) or spec.name == MARK_COLLECTION


async def _copied(
    source: Database,
    target: Database,
    catalog: Sequence[CollectionSpec],
    options: BranchOptions,
    models: Sequence[type[Any]],
    listen: Callable[[BranchProgress], None],
) -> dict[str, int]:
    stored = [each for each in catalog if not each.is_view]
    sample = None if options.sample is None else await _sampled(source, stored, options.sample, models)
    # A server that copies in its own way may do it badly: the embedded one stands still when it is asked for two.
    by_server = await renames_keep_options(target) if options.by_server is None else options.by_server
    free = asyncio.Semaphore(max(1, options.parallel))
    numbers = iter(range(1, len(stored) + 1))

    async def one(spec: CollectionSpec) -> int:
        async with free:
            listen(BranchProgress(spec.name, next(numbers), len(stored)))
            if sample is None or spec.name in WHOLE:
                return await copy_whole(source, target, spec, by_server=by_server)
            return await copy_chosen(source, target, spec, list(sample.ids[spec.name]))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = {spec.name: group.create_task(one(spec)) for spec in stored}
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    for view in (each for each in catalog if each.is_view):
        await create_empty(target, view.name, view)
    return {name: task.result() for name, task in tasks.items()}


async def _sampled(
    source: Database, stored: Sequence[CollectionSpec], size: int, models: Sequence[type[Any]]
) -> Sample:
    sample = Sample(source, links_of(models), [each.name for each in stored])
    for spec in stored:
        if spec.name not in WHOLE:
            await sample.draw(spec.name, size)
    return sample


def _ignore(_: BranchProgress) -> None: ...
