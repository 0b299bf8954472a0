"""The codec of a class: decided once after its initialisation, fast where the class is as usual, stock where not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import beanie
from beanie.odm.interfaces.detector import ModelType
from pydantic import BaseModel

from docstore.documents.codec.reading import reader
from docstore.documents.codec.shapes import Unusual, fields_of
from docstore.documents.codec.writing import checked_encoder, encoder
from docstore.documents.fields import STORED
from docstore.documents.hydration import hydrate, reads_leniently

_ATTRIBUTE: Final = "_docstore_codec"
_OUR_PARSERS: Final = frozenset({"StoredDocument.model_validate", "BaseModel.model_validate"})
_OUR_VALIDATORS: Final = frozenset({"StoredDocument._apply_rules", "Document.fill_back_refs"})
"""Validators round a whole document that leave stored documents, and documents without links, as they are."""

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Codec:
    """How instances of one class are read and written.

    Args:
        read: from a stored document to an instance, as pydantic makes it; its errors are pydantic's.
        decides_alone: whether a stored document of its collection always becomes an instance of the class itself
            (no inheritance, no union, no `model_validate` of its own).
        encode: from attributes to what is stored, as Beanie's encoder gives it; None where only that encoder knows.
        checked: as `encode`, from attributes and leniency, or BAIL unless every value is as validation leaves it.
        why_stock: what keeps the class from being read by a compiled function, in words; empty when nothing does.
    """

    read: Callable[[Mapping[str, Any]], Any]
    decides_alone: bool
    encode: Callable[[Attributes], dict[str, Any]] | None = None
    checked: Callable[[Attributes, bool], Any] | None = None
    why_stock: str = ""


@dataclass(frozen=True, slots=True)
class _Made:
    """A codec, and what it was made from: it is made anew when pydantic or Beanie initialises the class again."""

    codec: Codec
    validator: Any
    settings: Any


def codec_of(model: type[BaseModel]) -> Codec:
    """The codec of a class."""
    made: _Made | None = model.__dict__.get(_ATTRIBUTE)
    settings = getattr(model, "_document_settings", None)
    if made is None or made.validator is not model.__pydantic_validator__ or made.settings is not settings:
        made = _Made(_make(model), model.__pydantic_validator__, settings)
        setattr(model, _ATTRIBUTE, made)
    return made.codec


def _make(model: type[BaseModel]) -> Codec:
    from_database = reads_leniently(model)
    fallback: Callable[[Any], Any] = (
        partial(hydrate, model) if from_database else partial(model.model_validate, context=STORED)
    )
    alone = _decides_alone(model)
    try:
        if getattr(model, "_link_fields", None):
            raise Unusual("it has links")
        fields = fields_of(model, context=STORED, known=_is_ours)
    except Unusual as reason:
        return Codec(fallback, alone, why_stock=str(reason))
    read = reader(model, fields, fallback, lenient=from_database)
    if not _is_written_plainly(model):
        return Codec(read, alone)
    return Codec(read, alone, encoder(fields), checked_encoder(fields))


def _is_ours(validator: Any) -> bool:
    function = getattr(validator, "__func__", validator)
    ours = function.__module__ in ("docstore.documents.base", "beanie.odm.documents")
    return ours and function.__qualname__ in _OUR_VALIDATORS


def _decides_alone(model: Any) -> bool:
    if getattr(model.model_validate, "__qualname__", "") not in _OUR_PARSERS:
        return False
    if not hasattr(model, "get_model_type"):
        return True
    settings = getattr(model, "_document_settings", None)
    one_class = not getattr(model, "_inheritance_inited", False) and getattr(settings, "union_doc", None) is None
    return model.get_model_type() is ModelType.Document and one_class


def _is_written_plainly(model: Any) -> bool:
    if not issubclass(model, beanie.Document) or model.__iter__ is not BaseModel.__iter__:
        return False
    settings = model._document_settings
    return (
        settings is not None
        and settings.keep_nulls
        and not settings.use_revision
        and not settings.bson_encoders
        and settings.union_doc is None
        and model._class_id is None
    )
