"""Declared indexes against those of a server: what is missing, what differs, and building what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pymongo import IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from docstore.documents import translated
from docstore.errors import ServiceError, UniqueViolation
from docstore.schema.duplicates import duplicates
from docstore.schema.specs import IndexSpec, collection_of, declared_specs, reported_specs, with_collections

Database = AsyncDatabase[dict[str, Any]]
Collection = AsyncCollection[dict[str, Any]]


class IndexStatus(StrEnum):
    """How an index stands."""

    MISSING = "missing"
    """Declared, and not on the server."""
    PRESENT = "present"
    """Declared, and on the server, maybe under another name."""
    DIFFERENT = "different"
    """Declared, and on the server with other keys or options; it has to be dropped by hand before it can be built."""
    UNKNOWN = "unknown"
    """On the server, and declared by no model."""


@dataclass(frozen=True)
class IndexState:
    """One index of one collection, declared or found.

    `keys` are (stored field, direction) in order, `options` what deviates from a plain index, `serves` the query in
    words (empty when unknown), `detail` what there is to say about the state.
    """

    collection: str
    name: str
    state: IndexStatus
    keys: tuple[tuple[str, int | str], ...]
    options: dict[str, Any]
    serves: str = ""
    detail: str = ""


@dataclass(frozen=True)
class IndexProgress:
    """An index about to be built: the `number`-th of `total`."""

    collection: str
    name: str
    number: int
    total: int


@dataclass(frozen=True)
class IndexReport:
    """What a sync did: the indexes it built, how many were there, and what it left to the operator."""

    created: tuple[IndexState, ...]
    present: int
    left: tuple[IndexState, ...]
    seconds: float


async def index_status(database: Database, models: Sequence[type[Any]]) -> list[IndexState]:
    """Every index the models declare or the server has for them, collection by collection.

    Args:
        database: the raw database.
        models: document classes, bound or not.

    Raises:
        ServerUnavailable: the database does not answer.
    """
    states: list[IndexState] = []
    for model in with_collections(models):
        collection = database[collection_of(model)]
        with translated(collection.name):
            found = reported_specs(await (await collection.list_indexes()).to_list())
        states += _compare(collection.name, declared_specs(model), found)
    return states


async def sync_indexes(
    database: Database,
    models: Sequence[type[Any]],
    *,
    on_progress: Callable[[IndexProgress], None] | None = None,
) -> IndexReport:
    """Build the missing indexes, one at a time. Nothing is ever dropped or changed.

    Args:
        database: the raw database.
        models: document classes, bound or not.
        on_progress: called before each build.

    Raises:
        UniqueViolation: living documents share values that a missing index wants unique; names them by id. All
            indexes that could be built are.
        ServiceError: the server refuses an index.
        ServerUnavailable: the database does not answer.
    """
    start = time.perf_counter()
    states = await index_status(database, models)
    missing = [each for each in states if each.state is IndexStatus.MISSING]
    created: list[IndexState] = []
    obstacles: list[UniqueViolation] = []
    for number, state in enumerate(missing, 1):
        if on_progress is not None:
            on_progress(IndexProgress(state.collection, state.name, number, len(missing)))
        try:
            await _build(database[state.collection], state)
        except UniqueViolation as obstacle:
            obstacles.append(obstacle)
        else:
            created.append(state)
    if obstacles:
        raise _all_obstacles(obstacles) from obstacles[0]
    return IndexReport(
        created=tuple(created),
        present=sum(each.state is IndexStatus.PRESENT for each in states),
        left=tuple(each for each in states if each.state in (IndexStatus.DIFFERENT, IndexStatus.UNKNOWN)),
        seconds=time.perf_counter() - start,
    )


def _compare(collection: str, declared: Sequence[IndexSpec], found: Sequence[IndexSpec]) -> list[IndexState]:
    states, matched = [], set()
    for wanted in declared:
        same = next((each for each in found if each.does_the_same(wanted)), None)
        clash = same or next((each for each in found if each.clashes_with(wanted)), None)
        if clash is not None:
            matched.add(clash.name)
        states.append(_declared_state(collection, wanted, same, clash))
    states += [
        _state(collection, each, IndexStatus.UNKNOWN, "no model declares it")
        for each in found
        if each.name not in matched
    ]
    return states


def _declared_state(collection: str, wanted: IndexSpec, same: IndexSpec | None, clash: IndexSpec | None) -> IndexState:
    if same is not None:
        return _state(collection, wanted, IndexStatus.PRESENT, "" if same.name == wanted.name else f"as {same.name}")
    if clash is not None:
        detail = f"the server's {clash.name} has {_described(clash)}"
        return _state(collection, wanted, IndexStatus.DIFFERENT, detail)
    return _state(collection, wanted, IndexStatus.MISSING)


def _described(spec: IndexSpec) -> str:
    keys = ", ".join(f"{name} {way}" for name, way in spec.keys)
    return f"keys ({keys})" + (f" and {', '.join(sorted(spec.options))}" if spec.options else " and no options")


def _state(collection: str, spec: IndexSpec, status: IndexStatus, detail: str = "") -> IndexState:
    return IndexState(collection, spec.name, status, spec.keys, dict(spec.options), spec.serves, detail)


async def _build(collection: Collection, state: IndexState) -> None:
    spec = IndexSpec(state.name, state.keys, state.options)
    if state.options.get("unique"):
        await _expect_unique(collection, spec)
    try:
        with translated(collection.name):
            await collection.create_indexes([IndexModel(list(state.keys), name=state.name, **state.options)])
    except UniqueViolation:
        # Somebody wrote a duplicate meanwhile, and now it can be named.
        await _expect_unique(collection, spec)
        raise
    except OperationFailure as error:
        raise ServiceError(
            f"the server refused index {state.name} of {collection.name} with error code {error.code}.",
            hint="Compare `docstore indexes status` with the server's indexes.",
            collection=collection.name,
        ) from error


async def _expect_unique(collection: Collection, spec: IndexSpec) -> None:
    with translated(collection.name):
        groups = await duplicates(collection, spec)
    if not groups:
        return
    fields = " and ".join(name for name, _ in spec.keys)
    ids = "; ".join(", ".join(group) for group in groups)
    raise UniqueViolation(
        f"{spec.name} cannot be built: living {collection.name} documents share the same {fields}: {ids}.",
        hint="Keep one of each group, delete the others, and run `docstore indexes sync` again.",
        collection=collection.name,
        field=fields,
    )


def _all_obstacles(obstacles: Sequence[UniqueViolation]) -> UniqueViolation:
    first = obstacles[0]
    return UniqueViolation(
        " ".join(each.message for each in obstacles),
        hint=first.hint,
        collection=first.collection,
        field=first.field,
    )
