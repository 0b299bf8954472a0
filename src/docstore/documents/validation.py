"""Documents as they are written: valid, or not at all.

Owns the step from a document in memory to what is stored. Where the codec proves each value to be as validation would
leave it, nothing is validated again; else pydantic judges the whole document, and its values and errors count.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import DecimalException
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from beanie.odm.utils.dump import get_dict
from pydantic import ValidationError
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import CoreConfig

from docstore.documents.codec import BAIL, codec_of, judging_validator, unchanged
from docstore.documents.fields import utc_now
from docstore.documents.hydration import lenient_schema
from docstore.documents.lazy import parse_now
from docstore.documents.problems import told_problems
from docstore.documents.unstorable import unencodable_value
from docstore.errors import RequiredViolation, ValidationFailed

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument

_UNPROVEN: Final = (KeyError, ValueError, DecimalException)


def encoded(document: "StoredDocument") -> dict[str, Any]:
    """What Beanie would store of a document, whether valid or not; in new containers."""
    encode = codec_of(type(document)).encode
    if encode is not None:
        try:
            return encode(document.__dict__)
        except KeyError:  # made by model_construct() without all its fields
            pass
    stored: dict[str, Any] = get_dict(document, to_db=True, keep_nulls=document.get_settings().keep_nulls)
    return stored


def prepared(document: "StoredDocument", *, stored: bool) -> dict[str, Any]:
    """What is stored of a document, validated.

    Args:
        document: assigned to since it was constructed, perhaps; what validation makes of its values is taken over.
        stored: it is in the database already, where older services may have left required fields out.

    Raises:
        ValidationFailed: names the fields, what is wrong and the types of the values.
    """
    proven = _proven(document, lenient=stored)
    if proven is not None:
        return proven
    revalidate(document, stored=stored)
    try:
        return encoded(document)
    except (ValueError, DecimalException) as error:
        told = unencodable_value(type(document).__name__, document.__dict__)
        if told is None:
            raise
        raise told from error


def prepared_to_insert(document: "StoredDocument", now: datetime | None = None) -> dict[str, Any]:
    """What is stored of a new document, validated and stamped with `now` (by default the present moment).

    Raises:
        ValidationFailed: as `prepared`; the document is not stamped then.
    """
    return _stamped(document, prepared(document, stored=False), now or utc_now())


def prepared_batch(documents: Sequence["StoredDocument"]) -> list[dict[str, Any]]:
    """What is stored of new documents, each as by `prepared_to_insert`, all stamped with one moment.

    Raises:
        ValidationFailed: as `prepared_to_insert`, for the first that is not valid.
    """
    now = utc_now()
    batch = []
    model: type[StoredDocument] | None = None
    check: Callable[[dict[str, Any], bool], Any] | None = None
    for document in documents:
        if type(document) is not model:
            model = type(document)
            codec = codec_of(model)
            check = None if codec.has_rules else codec.checked
        fields: Any = BAIL
        attributes = document.__dict__
        if check is not None:
            try:
                fields = check(attributes, False)
            except _UNPROVEN:  # made without all its fields, or of no known type: to be told properly
                fields = BAIL
        if fields is BAIL:
            fields = prepared_to_insert(document, now)
        elif attributes["created_at"] is None or attributes["updated_at"] is None:
            _stamped(document, fields, now)
        batch.append(fields)
    return batch


def _stamped(document: "StoredDocument", fields: dict[str, Any], now: datetime) -> dict[str, Any]:
    attributes = document.__dict__
    created, updated = attributes["created_at"], attributes["updated_at"]
    if created is None or updated is None:
        created = created or now
        stamp(document, "created_at", created, fields)
        stamp(document, "updated_at", updated or max(now, created), fields)
    return fields


def stamp(document: "StoredDocument", name: str, value: Any, fields: dict[str, Any]) -> None:
    """Set an attribute to a valid value, and its stored field in `fields` too."""
    document.__dict__[name] = value
    document.__pydantic_fields_set__.add(name)
    fields[document.stored_name(name)] = value


def revalidate(document: "StoredDocument", *, stored: bool) -> None:
    """Have pydantic check a document's present values, and keep what it made of them.

    Args:
        document: as for `prepared`.
        stored: as for `prepared`.

    Raises:
        ValidationFailed: names the fields, what is wrong and the types of the values.
    """
    parse_now(document)
    known_by, revision = document.__dict__.get("id"), document.__dict__.get("revision_id")
    values = {name: value for name, value in document.__dict__.items() if name != "revision_id"}
    judged = checked(document, values, lenient=stored).__dict__
    document.__dict__.update({name: value for name, value in judged.items() if not unchanged(values.get(name), value)})
    document.__dict__["revision_id"] = revision  # Beanie's own: a wrong one is a stale document, not an invalid one
    if stored:  # an old id of text is the document's id; parsed, it would be another's
        document.__dict__["id"] = known_by


def checked(document: "StoredDocument", values: Mapping[str, Any], *, lenient: bool) -> Any:
    """A new instance of the document's class from attribute values, judged as given.

    Raises:
        ValidationFailed: names the fields, what is wrong and the types of the values.
    """
    model: Any = type(document)
    try:
        return _judge(model, lenient).validate_python(dict(values), by_alias=False, by_name=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        first = problems[0]
        kind = RequiredViolation if all(_is_absent(model, each) for each in problems) else ValidationFailed
        raise kind(
            f"{model.__name__} is not valid. {told_problems(error, model.__name__)}.",
            collection=model.__name__,
            field=str(first["loc"][0]) if first["loc"] else None,
            value_type=type(first.get("input")).__name__,
        ) from error


def _proven(document: "StoredDocument", *, lenient: bool) -> dict[str, Any] | None:
    codec = codec_of(type(document))
    if codec.checked is None:
        return None
    try:
        fields = codec.checked(document.__dict__, lenient)
        if fields is BAIL:
            return None
        if codec.has_rules:
            document.check_rules()
    except _UNPROVEN:  # a field is missing or a rule is broken: pydantic says it properly
        return None
    return fields  # type: ignore[no-any-return]  # a dict, unless BAIL


@lru_cache(maxsize=1024)
def _judge(model: Any, lenient: bool) -> SchemaValidator:
    schema = model.__pydantic_core_schema__
    config = CoreConfig(title=model.__name__, hide_input_in_errors=True)
    return judging_validator(lenient_schema(schema) if lenient else schema, config)


def _is_absent(model: Any, problem: Any) -> bool:
    info = model.model_fields.get(str(problem["loc"][0])) if problem["loc"] else None
    return info is not None and info.is_required() and len(problem["loc"]) == 1 and problem.get("input") is None
