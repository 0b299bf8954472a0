"""The two imports that change when a code base comes over from Beanie: `Document` and `init_beanie`.

Owns stored names as they are declared, and what `bind` leaves out and Beanie does: models named by a path, the
indexes, views made anew. A Store does all of it on settings, and is what new code opens.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from beanie import Document as BeanieDocument
from beanie import View
from beanie.odm.fields import IndexModelField
from pydantic import ConfigDict
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents.base import Document as BaseDocument
from docstore.documents.base import as_declared
from docstore.documents.binding import bind
from docstore.documents.guard import GuardedDatabase
from docstore.documents.indexes import declared_indexes

__all__ = ["Document", "as_declared", "init_beanie"]


class Document(BaseDocument):
    """`docstore.Document` whose fields are stored under the names they are declared with, as Beanie stored them."""

    model_config = ConfigDict(alias_generator=as_declared)


async def init_beanie(
    database: AsyncDatabase[dict[str, Any]] | None = None,
    connection_string: str | None = None,
    document_models: Sequence[type[Any] | str] | None = None,
    allow_index_dropping: bool = False,
    recreate_views: bool = False,
    skip_indexes: bool = False,
    **options: Any,
) -> GuardedDatabase:
    """As Beanie's function of this name, with its arguments: bind documents, unions and views, and build their indexes.

    Args:
        database: a plain PyMongo database.
        connection_string: instead of `database`; its default database is taken.
        document_models: classes, or their dotted paths.
        allow_index_dropping: drop the indexes of the models' collections that no model declares.
        recreate_views: make the views anew.
        skip_indexes: leave the indexes alone.
        options: those of `bind`: ``strict_filters``, ``audit``, ``cursor_key``.

    Returns:
        The guarded database.

    Raises:
        ValueError: not exactly one of `database` and `connection_string`, or no models.
        SettingsError: as `bind`.
    """
    if (database is None) == (connection_string is None):
        raise ValueError("connection_string parameter or database parameter must be set")
    if document_models is None:
        raise ValueError("document_models parameter must be set")
    if database is None:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(connection_string)
        database = client.get_default_database()
    models = [_named(each) if isinstance(each, str) else each for each in document_models]
    guarded = await bind(database, models, **options)
    if recreate_views:
        for view in (each for each in models if issubclass(each, View)):
            settings: Any = view.get_settings()
            await database.drop_collection(settings.name)
            await guarded.create_collection(settings.name, viewOn=settings.source, pipeline=settings.pipeline)
    if not skip_indexes:
        await _build_indexes(database, models, dropping=allow_index_dropping)
    return guarded


def _named(path: str) -> type[Any]:
    module, _, name = path.rpartition(".")
    if not module:
        raise ValueError(f"{path!r} doesn't have '.' path, eg. path.to.your.model.class")
    try:
        model: type[Any] = getattr(import_module(module), name)
    except AttributeError:
        raise AttributeError(f"module {module!r} has no class called {name!r}") from None
    return model


async def _build_indexes(
    database: AsyncDatabase[dict[str, Any]], models: Sequence[type[Any]], *, dropping: bool
) -> None:
    for model in models:
        if not issubclass(model, BeanieDocument):
            continue
        collection = database[model.get_collection_name()]
        wanted = [each.to_index_model(model) for each in declared_indexes(model)]
        if dropping:
            present = IndexModelField.from_pymongo_index_information(dict(await collection.index_information()))
            for each in IndexModelField.list_difference(present, [IndexModelField(index) for index in wanted]):
                await collection.drop_index(each.name)
        if wanted:
            await collection.create_indexes(wanted)
