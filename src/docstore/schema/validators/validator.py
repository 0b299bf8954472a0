"""The validator of a model, and of a collection that several models share."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

from docstore.documents import StoredDocument
from docstore.schema.validators.deriving import document_schema


def validator_of(model: type[StoredDocument]) -> dict[str, Any]:
    """The validator of a model's documents: ``{"$jsonSchema": …}``.

    It accepts whatever the model's own writes store, and unknown fields, unless the model forbids them. What it says:
    types, required fields, values of enumerations, bounds, lengths, patterns that every engine reads alike, and the
    same of nested models and lists.

    Args:
        model: a document class, bound or not.
    """
    return collection_validator([model])


def collection_validator(models: Sequence[type[StoredDocument]]) -> dict[str, Any]:
    """The validator of a collection: a document has to be one of its models'."""
    schemas = [deepcopy(_schema(model)) for model in models]
    if len(schemas) == 1:
        return {"$jsonSchema": schemas[0]}
    return {"$jsonSchema": {"title": models[0].__name__, "bsonType": "object", "anyOf": schemas}}


@lru_cache(maxsize=1024)
def _schema(model: type[StoredDocument]) -> dict[str, Any]:
    return document_schema(model)
