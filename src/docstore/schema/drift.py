"""Where models, the last snapshot and the live database disagree, each with the way out.

Reads alone. Indexes and validators are compared whole, documents by a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents import translated
from docstore.errors import MigrationError
from docstore.schema.checking.rules import broken
from docstore.schema.indexes import IndexAction, index_plan
from docstore.schema.migrations.entries import State
from docstore.schema.migrations.files import find_migrations
from docstore.schema.migrations.journal import Journal
from docstore.schema.migrations.planning import standings
from docstore.schema.snapshot import Snapshot, last_snapshot, snapshot_of
from docstore.schema.snapshot_diff import differences
from docstore.schema.validators import ValidatorStatus, validator_status

Database = AsyncDatabase[dict[str, Any]]

SAMPLE: Final = 200
"""Documents of each collection that are looked at."""

_ANY: Final = "anyOf"


class DriftKind(StrEnum):
    """What disagrees."""

    MODELS = "models"
    """The models declare something else than the last snapshot holds."""
    MIGRATIONS = "migrations"
    """A migration is pending, half-way, edited or missing."""
    INDEX = "index"
    """The server's indexes are not those of the models."""
    VALIDATOR = "validator"
    """The server's validator is not that of the model."""
    DOCUMENTS = "documents"
    """Documents hold what the model does not allow."""


@dataclass(frozen=True)
class Drift:
    """One disagreement: where it is, what it is, and the way out."""

    kind: DriftKind
    where: str
    what: str
    way_out: str


async def find_drift(
    database: Database,
    models: Sequence[type[Any]],
    directory: Path,
    *,
    action: Literal["off", "warn", "error"] = "error",
    sample: int = SAMPLE,
    on_collection: Callable[[str], None] = lambda _: None,
) -> list[Drift]:
    """Everything in which models, snapshot and database disagree.

    Args:
        database: the raw database.
        models: document classes, bound or not.
        directory: of the migrations.
        action: what validators are to do in this deployment.
        sample: documents of each collection to look at; 0 looks at none.
        on_collection: told each collection whose documents are looked at.

    Raises:
        MigrationError: the last snapshot is damaged.
        ServerUnavailable: the database does not answer.
    """
    snapshot = snapshot_of(models)
    found = _of_models(directory, snapshot)
    with translated(database.name):
        found += await _of_migrations(database, directory)
    found += await _of_indexes(database, models)
    found += await _of_validators(database, models, action)
    for name, collection in snapshot.collections.items():
        if sample:
            on_collection(name)
            with translated(name):
                found += await _of_documents(database, name, collection.schema, sample)
    return found


def _of_models(directory: Path, snapshot: Snapshot) -> list[Drift]:
    number, last = last_snapshot(directory)
    where = f"snapshot {number:04d}" if number else "no snapshot"
    return [
        Drift(DriftKind.MODELS, where, str(change), "docstore migrate generate")
        for change in differences(last, snapshot)
    ]


async def _of_migrations(database: Database, directory: Path) -> list[Drift]:
    try:
        files = find_migrations(directory)
    except MigrationError:
        files = ()
    found = []
    for each in standings(files, await Journal(database).entries()):
        if each.problem:
            found.append(Drift(DriftKind.MIGRATIONS, each.name, each.problem, each.hint))
        elif each.state is not State.APPLIED:
            half_way = each.state in (State.RUNNING, State.FAILED)
            what = "is half-way" if half_way else "is not applied"
            out = "docstore migrate status, then docstore migrate up" if half_way else "docstore migrate up"
            found.append(Drift(DriftKind.MIGRATIONS, each.name, what, out))
    return found


async def _of_indexes(database: Database, models: Sequence[type[Any]]) -> list[Drift]:
    words = {
        IndexAction.CREATE: ("is missing", "docstore indexes sync"),
        IndexAction.CHANGE: ("is different", "docstore indexes sync"),
        IndexAction.HIDE: ("is to be hidden", "docstore indexes sync"),
        IndexAction.UNHIDE: ("is hidden", "docstore indexes sync"),
        IndexAction.DROP: ("is left over", "docstore indexes sync"),
        IndexAction.UNKNOWN: ("is declared by no model", "declare it, or docstore indexes sync --prune"),
    }
    plan = await index_plan(database, models)
    return [
        Drift(
            DriftKind.INDEX,
            f"{step.collection}.{step.name}",
            f"{words[step.action][0]}{f' ({step.detail})' if step.detail else ''}",
            words[step.action][1],
        )
        for step in plan.steps
        if step.action in words
    ]


async def _of_validators(
    database: Database, models: Sequence[type[Any]], action: Literal["off", "warn", "error"]
) -> list[Drift]:
    words = {
        ValidatorStatus.CREATE: "is missing",
        ValidatorStatus.CHANGE: "is different",
        ValidatorStatus.DROP: "is there although validators are off",
        ValidatorStatus.UNKNOWN: "came from no model",
    }
    states = await validator_status(database, models, action=action)
    return [
        Drift(
            DriftKind.VALIDATOR,
            each.collection,
            f"{words[each.status]}{f' ({each.detail})' if each.detail else ''}",
            "docstore schema validators sync" + (" --replace" if each.status is ValidatorStatus.UNKNOWN else ""),
        )
        for each in states
        if each.status in words
    ]


async def _of_documents(database: Database, name: str, schema: Any, sample: int) -> list[Drift]:
    """Rules that sampled documents break, and fields of theirs that no model has, with how many they are."""
    counts: dict[str, int] = {}
    first: dict[str, Any] = {}
    seen = 0
    async with await database[name].aggregate([{"$sample": {"size": sample}}]) as cursor:
        async for document in cursor:
            seen += 1
            for what in {_told(rule, kind) for rule, kind in broken(schema, document)} | _unknown(schema, document):
                counts[what] = counts.get(what, 0) + 1
                first.setdefault(what, document["_id"])
    return [
        Drift(
            DriftKind.DOCUMENTS,
            name,
            f"{what}, in {count} of {seen} documents looked at, such as {first[what]}",
            "declare the field, or drop it in a migration"
            if what.startswith("field ")
            else f"docstore schema check --only {name}",
        )
        for what, count in sorted(counts.items())
    ]


def _told(rule: Any, found: str) -> str:
    return f"{rule} (found {found})"


def _unknown(schema: Any, document: dict[str, Any]) -> set[str]:
    if _ANY in schema or "properties" not in schema:
        return set()
    # Older services count versions in a field of their own on every document.
    known = {*schema["properties"], "_id", "__v", "_class_id", "revision_id"}
    return {f"field {field} is in no model" for field in document if field not in known}
