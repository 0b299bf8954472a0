"""Ids of documents: the annotation for them, and models that say it in Beanie's way, mended.

Beanie's `PydanticObjectId` makes a new id of None, so a reference that was forgotten becomes one to nothing. Values in
memory stay of that type: what annotates a field decides what becomes an id, and None never does.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final

from beanie import PydanticObjectId
from bson.errors import InvalidId
from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.dataclasses import rebuild_dataclass
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from docstore.documents.bson_types import is_beside

_ERROR: Final = ("object_id", "Input should be an ObjectId or its 24 hexadecimal digits")
_EXAMPLE: Final = "5eb7cf5a86d9755df3a6c593"


def parse_object_id(value: object) -> PydanticObjectId:
    """An id from an ObjectId or from its hexadecimal digits, as text or as bytes.

    Raises:
        PydanticCustomError: it is none of these; None is not.
    """
    try:
        given = value.decode() if isinstance(value, bytes) else value
        if given is not None:
            return PydanticObjectId(given)  # type: ignore[arg-type]  # a TypeError is the answer
    except (InvalidId, TypeError, UnicodeDecodeError):
        pass
    raise PydanticCustomError(*_ERROR)


def _schema() -> CoreSchema:
    digits = core_schema.str_schema(pattern="^[0-9a-f]{24}$", min_length=24, max_length=24)
    # What is an id already, as nearly every value is, never leaves the validator's own code.
    either = core_schema.union_schema(
        [
            core_schema.is_instance_schema(PydanticObjectId),
            core_schema.no_info_plain_validator_function(parse_object_id),
        ],
        mode="left_to_right",
        custom_error_type=_ERROR[0],
        custom_error_message=_ERROR[1],
    )
    return core_schema.json_or_python_schema(
        json_schema=core_schema.no_info_after_validator_function(parse_object_id, digits),
        python_schema=either,
        serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
    )


class _NeverNone:
    """Has pydantic take ids for a field as `parse_object_id` does."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "example": _EXAMPLE}

    def __repr__(self) -> str:
        return "DocumentId"


DocumentId = Annotated[PydanticObjectId, _NeverNone()]
"""Annotates ids: ``author_id: Annotated[DocumentId, Ref("Author")]``, ``tag_ids: list[DocumentId]``.

Takes an ObjectId of any kind and its 24 hexadecimal digits; for None and anything else the model's error names the
field. In JSON it is the digits.
"""


def refuse_none_as_id(model: type[Any]) -> None:
    """Where a model or one nested in it annotates ids in Beanie's way, let pydantic take them as `DocumentId`s.

    Ids that may be None stay as they are: of their None nothing is made. Models without such fields are not touched.
    """
    schema = getattr(model, "__pydantic_core_schema__", None)
    if not isinstance(schema, Mapping) or not _invents_ids(schema):
        return
    with _as_document_ids():
        for each in (*_classes_in(schema, model), model):
            own = getattr(each, "__pydantic_core_schema__", None)
            if not isinstance(own, Mapping) or not _invents_ids(own):
                continue
            if issubclass(each, BaseModel):
                each.model_rebuild(force=True)
            else:
                rebuild_dataclass(each, force=True)


def is_object_id_schema(schema: Mapping[str, Any]) -> bool:
    """Whether pydantic's schema is that of an id, Beanie's or ours."""
    if schema["type"] != "json-or-python":
        return False
    python = schema["python_schema"]
    return _is_beanies(schema) or (
        python["type"] == "union"
        and python["choices"][-1]["type"] == "function-plain"
        and python["choices"][-1]["function"]["function"] is parse_object_id
    )


def _is_beanies(schema: Mapping[str, Any]) -> bool:
    python = schema.get("python_schema") or {}
    if schema.get("type") != "json-or-python" or python.get("type") != "function-plain":
        return False
    function = python["function"]["function"]  # bound to a subclass, perhaps
    return getattr(function, "__func__", None) is PydanticObjectId.__dict__["_validate"].__func__


def _invents_ids(schema: Mapping[str, Any]) -> bool:
    definitions: dict[str, Any] = {}
    if schema["type"] == "definitions":
        definitions = {each["ref"]: each for each in schema["definitions"]}
    beanies = {ref for ref, each in definitions.items() if _is_beanies(each)}
    reachable = [each for ref, each in definitions.items() if ref not in beanies]
    return _reaches(schema.get("schema") if definitions else schema, beanies) or _reaches(reachable, beanies)


def _reaches(schema: Any, beanies: set[str]) -> bool:
    if isinstance(schema, list | tuple):
        return any(_reaches(each, beanies) for each in schema)
    if not isinstance(schema, Mapping):
        return False
    if schema.get("type") == "nullable":
        inner = schema["schema"]
        if _is_beanies(inner) or inner.get("schema_ref") in beanies:
            return False
    if _is_beanies(schema) or schema.get("schema_ref") in beanies:
        return True
    return any(_reaches(each, beanies) for key, each in schema.items() if not is_beside(key, each))


def _classes_in(schema: Any, outer: type[Any]) -> list[type[Any]]:
    """The models and dataclasses nested in a schema, the innermost first."""
    found: dict[type[Any], None] = {}

    def walk(node: Any) -> None:
        if isinstance(node, list | tuple):
            for each in node:
                walk(each)
        elif isinstance(node, Mapping):
            for key, each in node.items():
                if not is_beside(key, each):
                    walk(each)
            if node.get("type") in ("model", "dataclass") and node["cls"] is not outer:
                found.setdefault(node["cls"])

    walk(schema)
    return list(found)


@contextmanager
def _as_document_ids() -> Iterator[None]:
    """While models are built inside, Beanie's type has our schema. Others' models never see it."""
    stock = PydanticObjectId.__dict__["__get_pydantic_core_schema__"]
    ours = classmethod(lambda cls, source, handler: _schema())
    PydanticObjectId.__get_pydantic_core_schema__ = ours  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        PydanticObjectId.__get_pydantic_core_schema__ = stock  # type: ignore[method-assign]
