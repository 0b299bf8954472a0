"""Lazily parsed documents: `find(..., lazy_parse=True)` validates a field when it is first read.

LazyModel does so by looking at every attribute access in Python, which makes each access of every document dear.
Documents have plain attributes; only those that are parsed lazily are of a twin class that looks.
"""

from abc import ABCMeta
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lazy_model import LazyModel  # type: ignore[import-untyped]  # ships no types
from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

from docstore.documents.bson_types import reading_schema

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument

_CLASS: Any = object.__dict__["__class__"]


def lazily(model: Any, stored: Mapping[str, Any], fields: set[str] | None) -> Any:
    """A document whose fields are parsed when they are read; `fields` (stored names) are parsed now."""
    twin = _twin(model, id(vars(model).get("_document_settings")))
    return LazyModel.lazy_parse.__func__(twin, dict(stored), fields)


def parse_now(document: "StoredDocument") -> None:
    """Parse what is left of a lazily parsed document, and make it a plain one; nothing for others."""
    model = document.__class__
    if type(document) is not model:
        document.parse_store()
        _CLASS.__set__(document, model)


@lru_cache(maxsize=1024)
def _twin(model: Any, settings: int) -> Any:
    # Not through pydantic's metaclass: the twin has the model's fields, schema and settings, not ones of its own.
    body = {
        "__slots__": (),
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
        "__doc__": model.__doc__,
        "__getattribute__": LazyModel.__getattribute__,
        "_parse_value": _parse_value,
        "__class__": property(lambda self: model),
        "_document_settings": vars(model).get("_document_settings"),
    }
    return ABCMeta.__new__(type(model), model.__name__, (model,), body)


def _parse_value(self: Any, name: str, value: Any) -> Any:
    try:
        return LazyModel._parse_value(self, name, value)
    except ValidationError:
        schema = TypeAdapter(type(self).model_fields[name].annotation).core_schema
        read = reading_schema(schema)
        if read is schema:
            raise
        return SchemaValidator(read, _use_prebuilt=False).validate_python(value)
