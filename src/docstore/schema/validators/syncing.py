"""The validators that the models ask for against those of a server, and putting them in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from pymongo.errors import OperationFailure

from docstore.clients.leases import MongoLease
from docstore.documents import translated
from docstore.errors import ServiceError
from docstore.schema.collections import Database, collection_options, create_collections, existing_collections
from docstore.schema.normal import canonical
from docstore.schema.specs import by_collection
from docstore.schema.validators.validator import collection_validator

ValidatorAction = Literal["off", "warn", "error"]
"""``error`` refuses a document that breaks its model, ``warn`` only logs it on the server, ``off`` has no validator."""

_LEASE: Final = "indexes"
_WAITING_S: Final = 600.0


class ValidatorLevel(StrEnum):
    """Which writes are judged."""

    STRICT = "strict"
    """Every insert and every update."""
    MODERATE = "moderate"
    """Inserts, and updates of documents that are valid: what is wrong already may still be worked with."""


class ValidatorStatus(StrEnum):
    """How a collection's validator stands."""

    KEEP = "keep"
    """As the model asks for."""
    CREATE = "create"
    """There is none."""
    CHANGE = "change"
    """It says something else than the model does, or with another action or level."""
    DROP = "drop"
    """It came from the model, and validators are off."""
    UNKNOWN = "unknown"
    """It did not come from a model: it is left alone unless it is to be replaced."""


@dataclass(frozen=True)
class ValidatorState:
    """The validator of one collection: how it stands, and what there is to say about it."""

    collection: str
    status: ValidatorStatus
    detail: str = ""
    exists: bool = True
    """Whether the collection does."""


async def validator_status(
    database: Database,
    models: Sequence[type[Any]],
    *,
    action: ValidatorAction = "error",
    level: ValidatorLevel = ValidatorLevel.MODERATE,
    replace: bool = False,
) -> list[ValidatorState]:
    """How the validators of the models' collections stand; nothing is changed.

    Args:
        database: the raw database.
        models: document classes, bound or not.
        action: what a document that breaks its model is to meet.
        level: which writes are to be judged.
        replace: whether a validator that did not come from a model counts as one to be changed.

    Raises:
        ServerUnavailable, ServiceError: the database does not answer, or refuses.
    """
    sharing = by_collection(models)
    found = await existing_collections(database, list(sharing))
    wanted = {name: collection_validator(group) for name, group in sharing.items()}
    return [
        _state(name, wanted[name], found.get(name), _Rules(action, level, replace))
        for name in sharing
        if "timeseries" not in (found.get(name) or collection_options(sharing[name]))  # which take no validators
    ]


async def sync_validators(
    database: Database,
    models: Sequence[type[Any]],
    *,
    action: ValidatorAction = "error",
    level: ValidatorLevel = ValidatorLevel.MODERATE,
    replace: bool = False,
    waiting: float | None = _WAITING_S,
) -> list[ValidatorState]:
    """Put the models' validators in force, creating the collections that do not exist yet; returns what was changed.

    Args:
        database: as are the next four, as `validator_status` takes them.
        models: see there.
        action: see there.
        level: see there.
        replace: see there.
        waiting: seconds to wait for another deployment; 0 fails at once, None waits for ever.

    Raises:
        LeaseHeld, LeaseLost: another deployment is at it.
        ServerUnavailable, ServiceError: the database does not answer, or refuses.
    """

    async def outstanding() -> list[ValidatorState]:
        states = await validator_status(database, models, action=action, level=level, replace=replace)
        return [each for each in states if each.status not in (ValidatorStatus.KEEP, ValidatorStatus.UNKNOWN)]

    if not await outstanding():
        return []
    sharing = by_collection(models)
    async with MongoLease(database, _LEASE, waiting=waiting) as lease:
        states = await outstanding()
        missing = {each.collection: collection_options(sharing[each.collection]) for each in states if not each.exists}
        await create_collections(database, missing)
        for state in states:
            lease.check()
            if state.status is ValidatorStatus.DROP:
                await _modify(database, state.collection, {"validator": {}, "validationLevel": "off"})
            else:
                validator = collection_validator(sharing[state.collection])
                change = {"validator": validator, "validationLevel": level.value, "validationAction": action}
                await _modify(database, state.collection, change)
    return states


@dataclass(frozen=True)
class _Rules:
    action: ValidatorAction
    level: ValidatorLevel
    replace: bool


def _state(name: str, wanted: Mapping[str, Any], options: Mapping[str, Any] | None, rules: _Rules) -> ValidatorState:
    validator = (options or {}).get("validator") or {}
    ours = _title(validator) is not None and _title(validator) == _title(wanted)
    if rules.action == "off":
        if ours:
            return ValidatorState(name, ValidatorStatus.DROP, "validators are off")
        status = ValidatorStatus.UNKNOWN if validator else ValidatorStatus.KEEP
        return ValidatorState(name, status, "it did not come from a model" if validator else "", options is not None)
    if not validator:
        return ValidatorState(name, ValidatorStatus.CREATE, exists=options is not None)
    if not ours and not rules.replace:
        return ValidatorState(name, ValidatorStatus.UNKNOWN, "it did not come from a model")
    differing = _differences(wanted, options or {}, rules)
    status = ValidatorStatus.CHANGE if differing else ValidatorStatus.KEEP
    return ValidatorState(name, status, ", ".join(differing))


def _differences(wanted: Mapping[str, Any], options: Mapping[str, Any], rules: _Rules) -> list[str]:
    found = options["validator"]
    differing = []
    if canonical(found) != canonical(wanted):
        differing.append(_fields_told(found, wanted))
    level, action = options.get("validationLevel", "strict"), options.get("validationAction", "error")
    if level != rules.level:
        differing.append(f"level {level} → {rules.level}")
    if action != rules.action:
        differing.append(f"action {action} → {rules.action}")
    return differing


def _fields_told(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Which fields two validators say different things about."""
    here, there = (each.get("$jsonSchema", {}) for each in (wanted, found))
    mine, theirs = here.get("properties", {}), there.get("properties", {})
    names = [name for name in (mine | theirs) if canonical(mine.get(name)) != canonical(theirs.get(name))]
    required = set(here.get("required", ())) ^ set(there.get("required", ()))
    return (
        " and ".join(
            [
                *([f"other rules of {', '.join(names)}"] if names else []),
                *([f"required: {', '.join(sorted(required))}"] if required else []),
            ]
        )
        or "other rules"
    )


def _title(validator: Mapping[str, Any]) -> str | None:
    title = (validator.get("$jsonSchema") or {}).get("title")
    return title if isinstance(title, str) else None


async def _modify(database: Database, name: str, change: Mapping[str, Any]) -> None:
    with translated(name):
        try:
            await database.command({"collMod": name, **change})
        except OperationFailure as error:
            raise ServiceError(
                f"the server refused the validator of {name} with error code {error.code}.",
                hint="The user needs the role dbAdmin on the database.",
                collection=name,
            ) from error
