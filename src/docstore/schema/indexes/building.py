"""One step of a plan on a server: an index built, changed, hidden or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pymongo
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure

from docstore.documents import translated
from docstore.errors import ServiceError
from docstore.schema.indexes.duplicates import expect_unique, shared, sharing
from docstore.schema.indexes.plan import BESIDE, IndexAction, IndexStep, Way
from docstore.schema.indexes.progress import IndexProgress, Listener, watched_build
from docstore.schema.specs import IN_PLACE, IndexSpec, reported_specs

Collection = AsyncCollection[dict[str, Any]]

_LONGEST_BUILD_S: Final = 7 * 24 * 3600
"""Instead of the client's socket timeout, which is meant for queries."""

_ATTEMPTS: Final = 5
_INDEX_NOT_FOUND: Final = 27
_CONFLICT: Final = frozenset({85, 86})
_ABORTED: Final = frozenset({276, 299, 12587})
"""The build was aborted by another's drop, or another builds the same: to be asked for again."""
_DUPLICATE: Final = 11000
_CANNOT_CHANGE: Final = frozenset({2, 20, 72})


async def carry_out(collection: Collection, step: IndexStep, at: IndexProgress, listen: Listener) -> None:
    """Do one step. Done already, by another deployment perhaps, is done.

    Raises:
        UniqueViolation: documents share values that the index wants unique; names them.
        ServiceError: the server refuses.
        ServerUnavailable: it does not answer.
    """
    with translated(collection.name), pymongo.timeout(_LONGEST_BUILD_S):
        try:
            await _carry_out(collection, step, at, listen)
        except OperationFailure as error:
            raise ServiceError(
                f"the server refused to {step.action.value} index {step.name} of {collection.name} with error code "
                f"{error.code}: {(error.details or {}).get('codeName', 'no name')}.",
                hint="See the server's log, and compare with `docstore indexes status`.",
                collection=collection.name,
            ) from error


async def _carry_out(collection: Collection, step: IndexStep, at: IndexProgress, listen: Listener) -> None:
    if step.action is IndexAction.DROP:
        assert step.found is not None
        await _drop(collection, step.found.name)
    elif step.action is IndexAction.CREATE:
        await _create(collection, step.spec, at, listen)
    elif step.way is Way.IN_PLACE:
        await _modify(collection, step, at, listen)
    else:
        await _rebuild(collection, step, at, listen)


async def _rebuild(collection: Collection, step: IndexStep, at: IndexProgress, listen: Listener) -> None:
    wanted, found = step.wanted, step.found
    assert wanted is not None
    assert found is not None
    if wanted.options.get("unique"):
        await _check(collection, wanted, at, listen)
    if step.way is Way.BESIDE:
        free = found.name != wanted.name
        beside = wanted if free else replace(wanted, name=f"{wanted.name}{BESIDE}")
        try:
            await _build(collection, beside, replace(at, phase=f"building as {beside.name}"), listen)
        except OperationFailure as error:
            if error.code not in _CONFLICT:  # an older server may hold only one of the two
                raise
        else:
            await _drop(collection, found.name)
            return
    await _drop(collection, found.name)
    await _build(collection, wanted, at, listen)


async def _create(collection: Collection, spec: IndexSpec, at: IndexProgress, listen: Listener) -> None:
    if spec.options.get("unique"):
        await _check(collection, spec, at, listen)
    try:
        await _build(collection, spec, at, listen)
    except OperationFailure as error:
        if error.code not in _CONFLICT:
            raise
        standing = await _specs(collection)
        if any(each.does_the_same(spec) for each in standing):  # another was quicker
            return
        if not any(each.name == spec.name for each in standing):
            raise
        # Another declared index bears the name, and does its work under it.
        await _build(collection, replace(spec, name=f"{spec.name}{BESIDE}"), at, listen)


async def _check(collection: Collection, spec: IndexSpec, at: IndexProgress, listen: Listener) -> None:
    listen(replace(at, phase="looking for duplicates"))
    await expect_unique(collection, spec)


async def _build(collection: Collection, spec: IndexSpec, at: IndexProgress, listen: Listener) -> None:
    listen(replace(at, phase=at.phase or "building"))
    document = {"key": dict(spec.keys), "name": spec.name, **spec.options}
    async with watched_build(collection, replace(at, name=spec.name, phase=at.phase or "building"), listen):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                # createIndexes is idempotent, and joins a build of the same index that is under way.
                await collection.database.command({"createIndexes": collection.name, "indexes": [document]})
            except AutoReconnect:  # the primary stepped down: the next one goes on with the build
                if attempt == _ATTEMPTS:
                    raise
            except OperationFailure as error:
                if error.code == _DUPLICATE:
                    await _name_duplicates(collection, spec, error)
                if error.code not in _ABORTED or attempt == _ATTEMPTS:
                    raise
            else:
                return


async def _name_duplicates(collection: Collection, spec: IndexSpec, error: OperationFailure) -> None:
    """Somebody wrote a duplicate since it was looked for, or lists share an element: now they can be named."""
    await expect_unique(collection, spec)
    values = (error.details or {}).get("keyValue") or {}
    ids = await sharing(collection, spec, values) if values else []
    if ids:
        raise shared(collection.name, spec, [ids]) from error
    raise DuplicateKeyError(str(error), error.code, error.details) from error


async def _modify(collection: Collection, step: IndexStep, at: IndexProgress, listen: Listener) -> None:
    found, wanted = step.found, step.wanted
    assert found is not None
    to_be = wanted or replace(found, options={**found.options, "hidden": True})
    change: dict[str, Any] = {"name": found.name}
    for name in to_be.differences(found) & IN_PLACE:
        change[name] = to_be.options.get(name, False)
    try:
        await collection.database.command({"collMod": collection.name, "index": change})
    except OperationFailure as error:
        if error.code == _INDEX_NOT_FOUND and wanted is None:  # gone, which is as good as hidden
            return
        # Not every server gives an expiry to an index that had none.
        if error.code not in _CANNOT_CHANGE or "expireAfterSeconds" not in change:
            raise
    # Some servers take the command and change nothing.
    standing = next((each for each in await _specs(collection) if each.name == found.name), None)
    if standing is None or to_be.differences(standing) & change.keys():
        await _drop(collection, found.name)
        await _build(collection, replace(to_be, name=found.name), at, listen)


async def _drop(collection: Collection, name: str) -> None:
    try:
        await collection.drop_index(name)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND:
            raise


async def _specs(collection: Collection) -> Sequence[IndexSpec]:
    return reported_specs(await (await collection.list_indexes()).to_list())
