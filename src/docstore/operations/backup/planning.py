"""What a restore is going to do to a database, before it does it."""

from __future__ import annotations

from collections.abc import Collection as AnyOf
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from pymongo.errors import OperationFailure

from docstore.documents import translated
from docstore.errors import BackupError, RestoreRefused
from docstore.operations.backup.catalog import CollectionSpec, Database
from docstore.operations.backup.contents import Backup, StoredCollection
from docstore.operations.backup.journal import (
    WORKING_PREFIX,
    RestoreState,
    State,
    Step,
    Way,
    is_bookkeeping,
    working_name,
)

_NAMESPACE_NOT_FOUND: Final = 26
_NAMESPACE_EXISTS: Final = 48


def chosen_collections(stored: Sequence[StoredCollection], only: AnyOf[str]) -> list[StoredCollection]:
    """Those to restore.

    Raises:
        BackupError: one is named that the backup does not hold.
    """
    if unknown := sorted(set(only) - {each.name for each in stored}):
        raise BackupError(
            f"the backup holds no collection {', '.join(unknown)}.",
            hint=f"It holds {', '.join(each.name for each in stored)}.",
        )
    return [each for each in stored if not only or each.name in only]


async def existing_collections(database: Database) -> frozenset[str]:
    """What the database has, without a restore's own collections."""
    with translated(database.name):
        names = await database.list_collection_names()
    return frozenset(name for name in names if not is_bookkeeping(name) and not name.startswith("system."))


async def fresh_plan(
    database: Database, backup: Backup, chosen: Sequence[StoredCollection], *, drop: bool, in_place: bool, indexes: bool
) -> RestoreState:
    """The steps of a restore that begins.

    Raises:
        RestoreRefused: collections are there already, and may not be replaced.
    """
    there = await existing_collections(database)
    in_the_way = sorted(there & {each.name for each in chosen})
    if in_the_way and not drop:
        raise RestoreRefused(
            f"{database.name} already has {_listed(in_the_way)}.",
            hint="Replace them with --drop, restore others with --only, or restore into another database with --to.",
        )
    swaps = not in_place and await renames_keep_options(database)
    steps = tuple(
        Step(
            name=each.name,
            way=_way(each.spec, replaces=each.name in there, swaps=swaps, in_place=in_place),
            working=working_name(),
            documents=each.documents or 0,
            replaces=each.name in there,
        )
        for each in chosen
    )
    return RestoreState(backup.id, backup.folder, datetime.now(UTC), indexes, steps)


def expect_same(state: RestoreState, backup: Backup, chosen: Sequence[StoredCollection], *, indexes: bool) -> None:
    """Nothing when the restore that was cut off is the one that is wanted now.

    Raises:
        RestoreRefused: it is another.
    """
    same = state.backup == backup.id and {step.name for step in state.steps} == {each.name for each in chosen}
    if not same or state.indexes != indexes:
        raise RestoreRefused(
            f"another restore was cut off in this database: {told_state(state)}",
            hint="Repeat that command to complete it, or add --restart to yours to give it up; --drop replaces what "
            "it left.",
        )


def told_state(state: RestoreState) -> str:
    """A sentence on how far a restore came."""
    filled, placed = state.count(State.FILLED, State.PLACED), state.count(State.PLACED)
    return (
        f"of {state.told}, begun {state.started:%Y-%m-%d %H:%M:%S} UTC: of {len(state.steps)} collections "
        f"{filled} are filled and {placed} are in their places."
    )


async def renames_keep_options(database: Database) -> bool:
    """Whether renaming is what it is on MongoDB: at once, and with everything the collection has.

    Servers that copy every document for it lose options on the way; tried out on an empty collection.
    """
    name = f"{WORKING_PREFIX}{uuid4().hex[:16]}"
    other = f"{name}.renamed"
    with translated(database.name):
        try:
            await database.command({"create": name, "validator": {"_id": {"$exists": True}}})
            await database[name].rename(other)
            found = await (await database.list_collections(filter={"name": other})).to_list()
        finally:
            await database.drop_collection(name)
            await database.drop_collection(other)
    return bool(found and found[0].get("options", {}).get("validator"))


async def drop_leftovers(database: Database, state: RestoreState | None) -> None:
    """Drop what earlier restores filled and never placed, except what `state` goes on with."""
    kept = {step.working for step in state.steps} if state is not None else set()
    with translated(database.name):
        for name in await database.list_collection_names():
            if name.startswith(WORKING_PREFIX) and name not in kept:
                await database.drop_collection(name)


async def expect_free(database: Database, step: Step) -> None:
    """Nothing when a collection that was not there when the restore began is still not there.

    Raises:
        RestoreRefused: somebody made it meanwhile.
    """
    if step.name in await existing_collections(database):
        raise RestoreRefused(
            f"somebody made {step.name} while the restore was cut off; it is not overwritten.",
            hint="Drop or rename it, and repeat the command; or add --restart --drop.",
            collection=step.name,
        )


async def rename_into_place(database: Database, step: Step) -> None:
    """Let a filled collection take its place; done already is done.

    Raises:
        RestoreRefused: somebody made a collection of that name meanwhile.
        BackupError: the server refuses.
    """
    with translated(step.name):
        try:
            await database[step.working].rename(step.name, dropTarget=step.replaces)
        except OperationFailure as error:
            if error.code == _NAMESPACE_NOT_FOUND and step.name in await existing_collections(database):
                return
            if error.code == _NAMESPACE_EXISTS:
                raise RestoreRefused(
                    f"somebody made {step.name} while the restore ran; it is not overwritten.",
                    hint="Drop or rename it, and repeat the command.",
                    collection=step.name,
                ) from error
            raise BackupError(
                f"the server refused to rename a collection to {step.name}, with error code {error.code}.",
                hint="The user needs the role `restore`, or `readWrite` and `dbAdmin` on the database.",
                collection=step.name,
            ) from error


def _way(spec: CollectionSpec, *, replaces: bool, swaps: bool, in_place: bool) -> Way:
    if in_place or spec.is_view or spec.is_time_series or spec.is_capped:
        return Way.DIRECT
    if swaps:
        return Way.SWAP
    # Renaming takes as long as filling here; worth it only for what would be lost otherwise.
    return Way.SWAP if replaces and spec.is_plain else Way.DIRECT


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
