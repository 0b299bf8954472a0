"""Binding models to a database: Beanie's initialisation, on guarded handles."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from beanie import Document as BeanieDocument
from beanie import View
from beanie import init_beanie as bind_as_beanie
from beanie.odm.queries.find import FindMany
from bson.binary import UuidRepresentation
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from docstore.documents.audit.entries import AUDIT_MODELS
from docstore.documents.audit.recording import Auditor
from docstore.documents.base import StoredDocument
from docstore.documents.changes import Change
from docstore.documents.events import emit
from docstore.documents.field_kinds import expect_storable_fields
from docstore.documents.guard import GuardedDatabase, GuardRegistry, Policy
from docstore.documents.guard.policy import Hook
from docstore.documents.ids import refuse_none_as_id
from docstore.documents.integrity import BoundReferences, CollectionKeeper, DeletionStep, graph_of
from docstore.documents.links import keep_declared_names
from docstore.documents.queries import FindManyStock, FindOneStock
from docstore.documents.references import Reference, references_of
from docstore.documents.transactions import use_client
from docstore.documents.triggers import check_triggers, trigger_hook
from docstore.errors import SettingsError

_log = logging.getLogger("docstore.binding")


async def bind(
    database: AsyncDatabase[dict[str, Any]],
    models: Sequence[type[Any]],
    *,
    audit: bool = True,
    cursor_key: bytes | None = None,
    strict_filters: bool = True,
) -> GuardedDatabase:
    """Bind `models` to `database`, for this process: from now on their queries run there, guarded.

    Indexes are not touched; `docstore indexes sync` applies them. Binding again moves the models.

    Args:
        database: a plain PyMongo database.
        models: Document and SystemDocument classes; Beanie's views and unions are guarded too.
        audit: keep an entry of every change of models that are `audited`, in its transaction; binds `AUDIT_MODELS` too.
        strict_filters: refuse operators in plain filters and unknown field names; False for code on its way from
            Beanie. Typed expressions are checked either way.
        cursor_key: signs the cursors of pages, so that none can be forged; the same in every process that reads
            them. Without one a cursor carries a checksum.

    Returns:
        The guarded database.

    Raises:
        SettingsError: a field cannot be stored; a reference that cannot be null has the rule SET_NULL; two triggers
            have the same name; a model is frozen as a whole.
    """
    database = _with_uuids(database)
    audited = [model for model in models if audit and getattr(model, "audited", False)]
    if audited:
        models = (*models, *(each for each in AUDIT_MODELS if each not in models))
    for model in models:
        _no_cache(model)
        if issubclass(model, StoredDocument):
            keep_declared_names(model)  # again: what a link or an annotation refers to may be known by now
            expect_storable_fields(model)
        _adjust(model)
        _expect_unfrozen(model)
    check_triggers(models)
    if DeletionStep not in models:
        models = [*models, DeletionStep]
    by_name = {model.__name__: model for model in models}
    registry = GuardRegistry(database.name, by_name, cursor_key or None, strict_filters=strict_filters)
    guarded = GuardedDatabase(database, registry)
    await bind_as_beanie(database=guarded, document_models=list(models), skip_indexes=True)
    for model in models:
        refuse_none_as_id(model)
    documents = [model for model in models if issubclass(model, BeanieDocument)]
    auditors = _auditors(audited)
    for model in documents:
        if not _inherits_collection(model, documents):
            registry.register(model.get_collection_name(), _policy(model, auditors))
    _keep_references(database, registry, documents)
    for model in models:
        if issubclass(model, View):
            await _renew_view(guarded, model)
    if audited:
        await _create_missing(database, [model.get_collection_name() for model in AUDIT_MODELS])
    use_client(database.client)
    return guarded


def unbind(models: Sequence[type[Any]]) -> None:
    """Forget the database of `models`: from now on their queries raise NotBound."""
    bound: tuple[type[Any], ...] = (*models, DeletionStep, *AUDIT_MODELS)
    for model in bound:
        if issubclass(model, StoredDocument) and "_document_settings" in vars(model):
            del model._document_settings
    use_client(None)


async def _create_missing(database: AsyncDatabase[dict[str, Any]], names: Sequence[str]) -> None:
    # Every write adds to them inside its transaction, and two transactions cannot both create a collection.
    known = await database.list_collection_names(filter={"name": {"$in": list(names)}})
    for name in names:
        if name not in known:
            with suppress(CollectionInvalid):  # another process was quicker
                await database.create_collection(name)


def _keep_references(
    database: AsyncDatabase[dict[str, Any]], registry: GuardRegistry, models: Sequence[type[Any]]
) -> None:
    for model, reference in _to_nowhere(models):
        _log.warning(
            "%s.%s refers to %s, and no document class has that name: it is not checked, and nothing follows from it.",
            model.__name__,
            reference.attribute,
            reference.target,
        )
    graph = graph_of(models)
    registry.references = bound = BoundReferences(graph, database, registry)
    for name in tuple(registry):
        if graph.concerns(name):
            registry.keep(name, CollectionKeeper(bound, name))


def _to_nowhere(models: Sequence[type[Any]]) -> Iterator[tuple[type[Any], Reference]]:
    """References that name no class at all, be it bound or not: most likely the name is misspelled."""
    defined = {model.__name__ for model in models}
    waiting: list[type[Any]] = [StoredDocument]
    while waiting:
        model = waiting.pop()
        defined.add(model.__name__)
        waiting += model.__subclasses__()
    return ((each, found) for each in models for found in references_of(each) if found.target not in defined)


def _policy(model: type[Any], auditors: Mapping[str, Auditor]) -> Policy:
    if not issubclass(model, StoredDocument):
        return Policy()
    hooks: list[Hook] = [_announcer(model)] if model.announces else []
    auditor = auditors.get(model.get_collection_name())
    if auditor is not None:
        hooks.append(auditor)
    return Policy(
        soft_delete=model.soft_delete,
        hooks=tuple(hooks),
        images=auditor is not None or bool(model.triggers),
        last_images=model.announces and bool(model.part_of),
        owners=frozenset(map(model.stored_name, model.part_of)) if model.announces else frozenset(),
        reactions=(trigger_hook(model),) if model.triggers else (),
        counters=frozenset(model.stored_name(name) for name in model.counters),
        versioned=model.versioned,
    )


def _auditors(audited: Sequence[type[StoredDocument]]) -> dict[str, Auditor]:
    """One auditor a collection, whichever models share it."""
    sharing: dict[str, list[type[StoredDocument]]] = {}
    for model in audited:
        sharing.setdefault(model.get_collection_name(), []).append(model)
    return {name: Auditor(models) for name, models in sharing.items()}


def _inherits_collection(model: type[Any], documents: Sequence[type[Any]]) -> bool:
    name = model.get_collection_name()
    return any(
        other is not model and issubclass(model, other) and other.get_collection_name() == name for other in documents
    )


async def _renew_view(guarded: GuardedDatabase, model: type[Any]) -> None:
    # A view that was created without the guard, by an older service perhaps, would go on showing deleted documents.
    settings = model.get_settings()
    wanted = guarded.view_pipeline(settings.source, settings.pipeline)
    collection = model.get_pymongo_collection()
    options = await collection.options()
    if "viewOn" in options and [dict(stage) for stage in options.get("pipeline") or ()] != wanted:
        await collection.drop()
        await guarded.create_collection(settings.name, viewOn=settings.source, pipeline=settings.pipeline)


def _adjust(model: type[Any]) -> None:
    # Beanie's own documents and unions may be given beside ours: their upserts must respect the trash too.
    if getattr(model, "_find_many_query_class", None) is FindMany:
        model._find_many_query_class = FindManyStock
        model._find_one_query_class = FindOneStock
    # Beanie sends a list of all known fields with every find, which costs the server and leaves old spellings behind.
    settings = getattr(model, "Settings", None)
    if settings is not None and not hasattr(settings, "projection"):
        settings.projection = None


def _announcer(model: type[StoredDocument]) -> Hook:
    async def announce(change: Change) -> None:
        await emit(*await model.change_events(change))

    return announce


def _with_uuids(database: AsyncDatabase[dict[str, Any]]) -> AsyncDatabase[dict[str, Any]]:
    # Beanie stores the standard form, whatever the client says; one that says nothing takes no UUID in a filter.
    options = database.codec_options
    if options.uuid_representation != UuidRepresentation.UNSPECIFIED:
        return database
    return database.with_options(options.with_options(uuid_representation=UuidRepresentation.STANDARD))


def _expect_unfrozen(model: type[Any]) -> None:
    # What is written would be written, and then be refused by the document in memory.
    if issubclass(model, StoredDocument) and model.model_config.get("frozen"):
        raise SettingsError(
            f"{model.__name__} is frozen, but a document takes over what a write makes of it: its id, its stamps.",
            hint="Freeze its own fields one by one: Field(frozen=True).",
        )


def _no_cache(model: type[Any]) -> None:
    # Beanie's query cache answers with what was deleted meanwhile.
    settings = getattr(model, "Settings", None)
    if getattr(settings, "use_cache", False):
        _log.warning("%s.Settings.use_cache is off: it would answer with deleted documents.", model.__name__)
        settings.use_cache = False  # type: ignore[union-attr]  # it has the attribute
