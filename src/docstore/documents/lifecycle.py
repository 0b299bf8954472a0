"""What happens to one document: validated, saved, updated, moved on, brought back, removed for good.

Functions over documents, so that the base class stays a table of contents.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from beanie import PydanticObjectId
from beanie.odm.actions import ActionDirections, ActionRegistry, EventTypes
from beanie.odm.bulk import BulkWriter
from beanie.odm.operators.update.general import SetRevisionId
from beanie.odm.queries.update import UpdateResponse
from beanie.odm.utils.dump import get_dict
from beanie.odm.utils.parsing import merge_models
from beanie.odm.utils.update_merge import merge_update_expressions
from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docstore.documents.codec import beanie_id, encode_value
from docstore.documents.driver_errors import duplicate_fields, translated
from docstore.documents.fields import utc_now
from docstore.documents.filters.trusted import trusted
from docstore.documents.guard.predicate import LIVING, MARKS, Scope, is_deleted_document
from docstore.documents.guard.trash import purge_matching, restore_matching
from docstore.documents.guard.versions import VERSION, of_version
from docstore.documents.lazy import parse_now
from docstore.documents.tracking import changed_fields, forget_with_transaction
from docstore.documents.transactions import current_transaction
from docstore.documents.validation import checked, prepared, prepared_to_insert, stamp
from docstore.errors import (
    DeletedDocument,
    DocumentError,
    InvalidTransition,
    NotFound,
    RestoreConflict,
    StaleDocument,
    UniqueViolation,
    ValidationFailed,
)

if TYPE_CHECKING:
    from docstore.documents.base import Document, StoredDocument

Session = AsyncClientSession | None
_NEVER_SET: Final = MARKS | {"_id"}
Actions = list[ActionDirections | str] | None


def assign(document: "StoredDocument", values: Mapping[str, Any]) -> None:
    """Set attributes to what was just written; should the ambient transaction abort, they return to what they were."""
    running = current_transaction()
    if running is not None:
        before = {name: getattr(document, name) for name in values}
        running.on_abort(lambda: document.__dict__.update(before))
        forget_with_transaction(document)
    for name, value in values.items():
        setattr(document, name, value)
    state = document.get_saved_state()
    if state is not None:
        written = {document.stored_name(name): encode_value(value) for name, value in values.items()}
        document._saved_state = {**state, **written}


def next_version(document: "StoredDocument") -> dict[str, int]:
    """What a versioned document's version has become by one write; nothing for others."""
    return {VERSION: document.version + 1} if type(document).versioned else {}


async def insert_new(document: "StoredDocument", session: Session) -> dict[str, Any]:
    """Insert a document in one round trip; returns what was stored.

    Raises:
        UniqueViolation, ValidationFailed: as the names say.
    """
    fields = prepared_to_insert(document)
    collection = type(document).get_pymongo_collection()
    with translated(collection.name):
        result = await collection.insert_one(fields, session=session)
    give_id(document, result.inserted_id)
    return fields


async def save_document(document: "StoredDocument", session: Session) -> dict[str, Any]:
    """Write every field the model knows, or those that changed where changes are tracked; no document comes back.

    Inserts when there is no such document, living or deleted.

    Returns:
        The document as it is stored now, but for fields the model does not know.

    Raises:
        DeletedDocument: it is in the trash.
        StaleDocument: it is versioned, and has another version by now.
        UniqueViolation, ValidationFailed: as the names say.
    """
    if document.id is None:
        return await insert_new(document, session)
    fields = prepared(document, stored=True)
    stamp(document, "updated_at", utc_now(), fields)
    changed = fields_to_set(type(document), changed_fields(document, fields))
    collection = type(document).get_pymongo_collection()
    query: dict[str, Any] = {"_id": document.id}
    if type(document).versioned:
        query["version"] = of_version(document.version)
    with translated(collection.name):
        result = await collection.set_fields(query, changed, session=session)
    if result.matched_count:
        if type(document).versioned:
            assign(document, next_version(document))
        return fields
    error = await why_missing(document, session)
    if not isinstance(error, NotFound):
        raise error
    return await insert_new(document, session)


def fields_to_set(model: type["StoredDocument"], stored: dict[str, Any]) -> dict[str, Any]:
    """What a save sets: all that is stored but the id, the marks, and required fields that the database lacks."""
    lacking = {name for name in _never_null(cast("Any", model)) if stored.get(name, "") is None}
    return {name: value for name, value in stored.items() if name not in _NEVER_SET and name not in lacking}


@lru_cache(maxsize=1024)
def _never_null(model: Any) -> tuple[str, ...]:
    required = (name for name, info in model.model_fields.items() if info.is_required())
    return (*(model.stored_name(name) for name in required), "createdAt")


def known_id(model: type["StoredDocument"], value: Any) -> Any:
    """`value` as an id of the model, without parsing what is known to be one.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return (
        beanie_id(value) if type(value) is ObjectId and _has_object_ids(cast("Any", model)) else model.parse_id(value)
    )


def give_id(document: "StoredDocument", inserted_id: Any) -> None:
    """Let a document have the id under which it was inserted."""
    document.__dict__["id"] = known_id(type(document), inserted_id)
    document.__pydantic_fields_set__.add("id")


def give_ids(documents: Sequence["StoredDocument"], inserted_ids: Sequence[Any]) -> None:
    """Let documents have the ids under which they were inserted."""
    model: type[StoredDocument] | None = None
    by_driver = False
    for document, inserted_id in zip(documents, inserted_ids, strict=True):
        if type(document) is not model:
            model = type(document)
            by_driver = _has_object_ids(cast("Any", model))
        if by_driver and type(inserted_id) is ObjectId:
            document.__dict__["id"] = beanie_id(inserted_id)
            document.__pydantic_fields_set__.add("id")
        else:
            give_id(document, inserted_id)


@lru_cache(maxsize=1024)
def _has_object_ids(model: Any) -> bool:
    info = model.model_fields["id"]
    return info.annotation == PydanticObjectId | None and not info.metadata


async def write_update(
    document: "StoredDocument",
    expressions: Sequence[Any],
    *,
    session: Session,
    ignore_revision: bool,
    bulk_writer: BulkWriter | None,
    skip_actions: Actions,
    options: Mapping[str, Any],
) -> None:
    """Beanie's `document.update`, telling apart what Beanie takes for one: missing, deleted, stale.

    Raises:
        NotFound, DeletedDocument, StaleDocument, UniqueViolation: as the names say.
    """
    model = type(document)
    settings = model.get_settings()
    arguments = await _before_update(document, list(expressions), skip_actions or [])
    query: dict[str, Any] = {"_id": document.id if document.id is not None else PydanticObjectId()}
    if model.versioned and not ignore_revision:
        query["version"] = trusted({"$in": [0, None]}) if document.version == 0 else document.version
    checks_revision = settings.use_revision and not ignore_revision
    if checks_revision:
        query["revision_id"] = document.revision_id
    if settings.use_revision:
        arguments.append(SetRevisionId(uuid4()))  # type: ignore[no-untyped-call]  # Beanie's
    update = model.find_one(trusted(query), session=session).update(
        *arguments,
        response_type=UpdateResponse.NEW_DOCUMENT,
        bulk_writer=bulk_writer,
        **options,
    )
    with translated(model.get_collection_name()):
        try:
            stored: Any = await update
        except UniqueViolation as error:
            taken = set(duplicate_fields(error.__cause__))
            if checks_revision and {"_id", "revision_id"} & taken:
                raise _stale(document) from error.__cause__
            if model.versioned and "_id" in taken:
                raise await why_missing(document, session) from error.__cause__
            raise
    if bulk_writer is None:
        if stored is None:
            raise await why_missing(document, session)
        merge_models(document, stored)
    await ActionRegistry.run_actions(document, EventTypes.UPDATE, ActionDirections.AFTER, skip_actions or [])


async def move(document: "StoredDocument", state: StrEnum, changes: Mapping[str, Any]) -> None:
    """Take a step of the model's state machine, as a compare-and-set in the database.

    Raises:
        InvalidTransition: the database's present state does not lead there.
        NotFound, DeletedDocument: the document is gone.
        ValidationFailed: a changed value breaks the model's rules.
    """
    model = type(document)
    machine = model.states
    if machine is None:
        raise InvalidTransition(f"{model.__name__} has no state machine.", collection=model.__name__)
    unknown = [name for name in changes if name not in model.model_fields]
    if unknown:
        raise ValidationFailed(
            f"{model.__name__} has no attribute {unknown[0]!r}.", collection=model.__name__, field=unknown[0]
        )
    sources = machine.sources(state)
    moment = utc_now()
    assigned = {machine.field: state, **changes, "updated_at": moment}
    parse_now(document)
    judged = checked(document, {**document.__dict__, **assigned}, lenient=True)
    fields = {model.stored_name(name): encode_value(getattr(judged, name)) for name in assigned}
    default = model.model_fields[machine.field].default
    allowed: list[Any] = [source.value for source in sources] + ([None] if default in sources else [])
    query = {"_id": document.id, model.stored_name(machine.field): {"$in": allowed}}
    collection = model.get_pymongo_collection()
    with translated(collection.name):
        result = await collection.set_fields(query, fields)
    if not result.matched_count:
        present = await collection.find_one({"_id": document.id}) if document.id is not None else None
        if present is None:
            raise await why_missing(document, None)
        stored = present.get(model.stored_name(machine.field))
        machine.check(model.__name__, default if stored is None else stored, state)
        raise _stale(document)
    assign(document, {name: getattr(judged, name) for name in assigned} | next_version(document))


async def restore_document(document: "Document", session: Session) -> None:
    """Bring a document back from the trash; one that is living stays as it is.

    Raises:
        RestoreConflict: a living document took a unique value meanwhile; names the field and that document.
        ReferenceViolation: it refers to what is deleted itself.
        NotFound: it was purged, or never saved.
    """
    model = type(document)
    everything = model.get_pymongo_collection().in_scope(Scope.ALL)
    try:
        await restore_matching(everything, {"_id": document.id}, status=model._status_after_restore(), session=session)
    except DuplicateKeyError as error:
        raise await _restore_conflict(document, error) from error
    stored = await model.get_pymongo_collection().find_one({"_id": document.id}, session=session)
    if stored is None:
        raise await why_missing(document, session)
    fresh = model.model_validate(stored)
    names = (
        "deleted_at",
        "is_deleted",
        "deleted_by",
        "deletion_id",
        "updated_at",
        *(("status",) if hasattr(fresh, "status") else ()),
        *(("version",) if model.versioned else ()),
    )
    assign(document, {name: getattr(fresh, name) for name in names})


async def purge_document(document: "Document", reason: str, session: Session) -> None:
    """Remove a document for good, living or deleted.

    Raises:
        ValueError: the reason is empty.
        NotFound: there is no such document.
    """
    everything = type(document).get_pymongo_collection().in_scope(Scope.ALL)
    if not await purge_matching(everything, {"_id": document.id}, reason=reason, session=session):
        raise await why_missing(document, session)


async def why_missing(document: "StoredDocument", session: Session) -> DocumentError:
    """The error that says why no living document has this id."""
    name = type(document).__name__
    if document.id is None:
        return NotFound(f"this {name} was never saved.", hint="insert() it first.", collection=name)
    everything = type(document).get_pymongo_collection().in_scope(Scope.ALL)
    stored = await everything.find_one({"_id": document.id}, session=session)
    if stored is None:
        return NotFound(f"there is no {name} {document.id}.", collection=name)
    if is_deleted_document(stored):
        return DeletedDocument(f"{name} {document.id} is deleted.", hint="restore() it first.", collection=name)
    return _stale(document, stored)


async def _restore_conflict(document: "Document", error: DuplicateKeyError) -> RestoreConflict:
    model = type(document)
    names = duplicate_fields(error)
    # Read outside the transaction, which the duplicate key has aborted.
    plain = model.get_pymongo_collection().raw
    deleted = await plain.find_one({"_id": document.id}) or {}
    wanted = {name: deleted.get(name) for name in names}
    rival = await plain.find_one({**wanted, **LIVING}, {"_id": 1}) if wanted else None
    held = f", held by the living {rival['_id']}" if rival else ""
    fields = " and ".join(names) or "a unique index"
    return RestoreConflict(
        f"{model.__name__} {document.id} cannot come back: its {fields} is taken{held}.",
        hint="Change or delete that document first, or give this one another value.",
        collection=model.__name__,
        field=fields,
    )


async def _before_update(document: "StoredDocument", arguments: list[Any], skip: list[Any]) -> list[Any]:
    wanted = ActionRegistry.get_action_list(type(document), EventTypes.UPDATE, ActionDirections.BEFORE)
    if not wanted or ActionDirections.BEFORE in skip:
        return arguments
    before = get_dict(document, to_db=True, keep_nulls=True)
    await ActionRegistry.run_actions(document, EventTypes.UPDATE, ActionDirections.BEFORE, skip)
    after = get_dict(document, to_db=True, keep_nulls=True)
    changed = {
        key: value for key, value in after.items() if key not in ("_id", "revision_id") and before.get(key) != value
    }
    strategy = document.get_settings().action_conflict_resolution
    return merge_update_expressions(arguments, changed, strategy=strategy) if changed else arguments


def _stale(document: "StoredDocument", stored: Mapping[str, Any] | None = None) -> StaleDocument:
    model = type(document)
    versions = ""
    if model.versioned and stored is not None:
        versions = f": this is version {document.version}, the database has version {stored.get(VERSION) or 0}"
    return StaleDocument(
        f"the {model.__name__} changed since it was read{versions}.",
        hint="Read it again and repeat.",
        collection=model.__name__,
    )
