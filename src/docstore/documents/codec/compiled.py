"""The codec of a class: decided once after its initialisation, fast where the class is as usual, stock where not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from beanie import Document as BeanieDocument
from beanie.odm.actions import ActionRegistry
from beanie.odm.interfaces.detector import ModelType
from beanie.odm.settings.document import DocumentSettings
from bson.tz_util import utc
from pydantic import BaseModel

from docstore.documents.bson_types import reading_validator
from docstore.documents.codec.reading import reader
from docstore.documents.codec.shapes import Unusual, fields_of
from docstore.documents.codec.writing import checked_encoder, encoder
from docstore.documents.fields import STORED
from docstore.documents.hydration import hydrate, reads_leniently
from docstore.documents.ids import refuse_none_as_id

_ATTRIBUTE: Final = "_docstore_codec"
_OUR_PARSERS: Final = frozenset({"DeclaredDocument.model_validate", "BaseModel.model_validate"})
_OUR_VALIDATORS: Final = frozenset({"DeclaredDocument._apply_rules", "Document.fill_back_refs"})
"""Validators round a whole document that leave stored documents, and documents without links, as they are."""

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Codec:
    """How instances of one class are read and written.

    Args:
        read: from a stored document to an instance, as pydantic makes it; its errors are pydantic's.
        decides_alone: whether a stored document of its collection always becomes an instance of the class itself
            (no inheritance, no union, no `model_validate` of its own).
        encode: from attributes to what is stored, as Beanie's encoder gives it; None where only that encoder knows.
        read_fresh: as `read`, from a document decoded just now with no zones set, which nobody else holds; None where
            some instants are not UTC by the class's own rules.
        checked: as `encode`, from attributes and leniency, or BAIL unless every value is as validation leaves it.
        writes_plainly: whether a write is nothing but that: no revision, no second validation, no links. Events, which
            can be added at any time, are asked for by `is_plain`.
        tracks: whether the class keeps the state its documents were read in.
        has_rules: whether its fields are held against each other before a write (`check_rules`).
        why_stock: what keeps the class from being read by a compiled function, in words; empty when nothing does.
    """

    read: Callable[[Mapping[str, Any]], Any]
    decides_alone: bool
    encode: Callable[[Attributes], dict[str, Any]] | None = None
    checked: Callable[[Attributes, bool], Any] | None = None
    read_fresh: Callable[[Mapping[str, Any]], Any] | None = None
    writes_plainly: bool = False
    tracks: bool = False
    has_rules: bool = False
    why_stock: str = ""


@dataclass(frozen=True, slots=True)
class _Made:
    """A codec, and what it was made from: it is made anew when pydantic or Beanie initialises the class again."""

    codec: Codec
    validator: Any
    settings: Any


def codec_of(model: type[BaseModel]) -> Codec:
    """The codec of a class."""
    own = model.__dict__
    made: _Made | None = own.get(_ATTRIBUTE)
    settings = own.get("_document_settings")
    if made is None or made.validator is not model.__pydantic_validator__ or made.settings is not settings:
        codec = replace(_make(model), tracks=bool(getattr(settings, "use_state_management", False)))
        made = _Made(codec, model.__pydantic_validator__, settings)
        setattr(model, _ATTRIBUTE, made)
    return made.codec


def is_plain(model: type[BaseModel]) -> bool:
    """Whether nothing but the write itself happens on a write of the class's documents."""
    return codec_of(model).writes_plainly and model not in ActionRegistry._actions


def _make(model: type[BaseModel]) -> Codec:
    refuse_none_as_id(model)
    from_database = reads_leniently(model)
    fallback = partial(hydrate, model) if from_database else _parser(model)
    alone = _decides_alone(model)
    try:
        if getattr(model, "_link_fields", None):
            raise Unusual("it has links")
        fields = fields_of(model, context=STORED, known=_is_ours)
    except Unusual as reason:
        return Codec(fallback, alone, writes_plainly=_writes_plainly(model), why_stock=str(reason))
    read = reader(model, fields, fallback, lenient=from_database)
    read_fresh = None
    if all(field.value.zoneless for field in fields):
        read_fresh = reader(model, fields, lambda stored: fallback(_zoned(stored)), lenient=from_database, fresh=True)
    if not _is_written_plainly(model):
        return Codec(read, alone, read_fresh=read_fresh, writes_plainly=_writes_plainly(model))
    return Codec(
        read,
        alone,
        encoder(fields),
        checked_encoder(fields),
        read_fresh,
        writes_plainly=_writes_plainly(model),
        has_rules=_has_rules(model),
    )


def _parser(model: Any) -> Callable[[Any], Any]:
    if getattr(model.model_validate, "__qualname__", "") in _OUR_PARSERS:
        return partial(reading_validator(model).validate_python, context=STORED)
    return partial(model.model_validate, context=STORED)


def _zoned(value: Any) -> Any:
    """A stored value with the zone that the driver sets on instants."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=utc)
    if isinstance(value, Mapping):
        return {key: _zoned(nested) for key, nested in value.items()}
    return [_zoned(each) for each in value] if isinstance(value, list) else value


def _is_ours(validator: Any) -> bool:
    function = getattr(validator, "__func__", validator)
    ours = function.__module__ in ("docstore.documents.base.declaring", "beanie.odm.documents")
    return ours and function.__qualname__ in _OUR_VALIDATORS


def _decides_alone(model: Any) -> bool:
    if getattr(model.model_validate, "__qualname__", "") not in _OUR_PARSERS:
        return False
    if not hasattr(model, "get_model_type"):
        return True
    settings = vars(model).get("_document_settings")
    one_class = not getattr(model, "_inheritance_inited", False) and getattr(settings, "union_doc", None) is None
    return model.get_model_type() is ModelType.Document and one_class


def _is_written_plainly(model: Any) -> bool:
    if not issubclass(model, BeanieDocument) or model.__iter__ is not BaseModel.__iter__:
        return False
    settings = vars(model).get("_document_settings")
    return (
        settings is not None
        and settings.keep_nulls
        and not settings.use_revision
        and not settings.bson_encoders
        and settings.union_doc is None
        and model._class_id is None
    )


def _writes_plainly(model: Any) -> bool:
    settings = vars(model).get("_document_settings")
    return (
        isinstance(settings, DocumentSettings)
        and settings.keep_nulls
        and not settings.use_revision
        and not settings.validate_on_save
        and not model._link_fields
        and model.validate_self is BeanieDocument.validate_self
    )


def _has_rules(model: Any) -> bool:
    return bool(model.check_rules.__qualname__ != "DeclaredDocument.check_rules")
