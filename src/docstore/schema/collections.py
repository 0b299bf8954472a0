"""The collections of a database: which there are, with which options, and creating those that are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from docstore.documents import StoredDocument, translated
from docstore.errors import ServiceError

Database = AsyncDatabase[dict[str, Any]]

_NAMESPACE_EXISTS: Final = 48


def collection_options(models: Sequence[type[StoredDocument]]) -> dict[str, Any]:
    """The options to create the models' collection with: ``Settings.timeseries``, ``Settings.collection_options``."""
    options: dict[str, Any] = {}
    for model in models:
        settings = getattr(model, "Settings", None)
        series = getattr(settings, "timeseries", None)
        if series is not None:
            options |= {key: value for key, value in series.build_query("").items() if key != "name"}
        options |= getattr(settings, "collection_options", {})
    return options


async def existing_collections(database: Database, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """The options of those collections that exist, by name.

    Raises:
        ServiceError: one of them is a view, or the server refuses to list them.
        ServerUnavailable: it does not answer.
    """
    with translated(database.name):
        try:
            listed = await database.list_collections(filter={"name": {"$in": list(names)}})
            found = await listed.to_list()
        except OperationFailure as error:
            raise ServiceError(
                f"the server refused to list the collections of {database.name} with error code {error.code}.",
                hint="The user needs the role read on the database.",
            ) from error
    views = [each["name"] for each in found if each.get("type") == "view"]
    if views:
        raise ServiceError(
            f"{', '.join(views)} is a view of the database, where a model has its documents.",
            hint="Drop the view, or give the model another name in its Settings.",
            collection=views[0],
        )
    return {each["name"]: each.get("options") or {} for each in found}


async def create_collections(database: Database, missing: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Create collections with their options; returns the names of those that did not exist.

    Raises:
        ServiceError: the server refuses the options.
        ServerUnavailable: it does not answer.
    """
    created = []
    for name, options in missing.items():
        with translated(name):
            try:
                await database.create_collection(name, **options)
            except CollectionInvalid:  # a service wrote its first document meanwhile
                continue
            except OperationFailure as error:
                if error.code == _NAMESPACE_EXISTS:
                    continue
                raise ServiceError(
                    f"the server refused to create {name} with error code {error.code}.",
                    hint="Compare its Settings.collection_options with what the server takes.",
                    collection=name,
                ) from error
        created.append(name)
    return tuple(created)
