"""A step of a model's state machine."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from docstore.documents.codec import encode_value
from docstore.documents.driver_errors import translated
from docstore.documents.fields import utc_now
from docstore.documents.lazy import parse_now
from docstore.documents.lifecycle.assigning import assign, next_version
from docstore.documents.lifecycle.ids import stored_id
from docstore.documents.lifecycle.missing import stale, why_missing
from docstore.documents.validation import checked
from docstore.errors import InvalidTransition, ValidationFailed

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument


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
    query = {"_id": stored_id(document), model.stored_name(machine.field): {"$in": allowed}}
    collection = model.get_pymongo_collection()
    with translated(collection.name, fields):
        result = await collection.set_fields(query, fields)
    if not result.matched_count:
        present = await collection.find_one({"_id": stored_id(document)}) if document.id is not None else None
        if present is None:
            raise await why_missing(document, None)
        stored = present.get(model.stored_name(machine.field))
        machine.check(model.__name__, default if stored is None else stored, state)
        raise stale(document)
    assign(document, {name: getattr(judged, name) for name in assigned} | next_version(document))
