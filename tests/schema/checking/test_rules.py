"""The client's verdict on documents is the server's."""

import asyncio
import math
from copy import deepcopy
from typing import Any

import bson
import pytest
from bson import DBRef, Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.schema.validators.conftest import refused as refused
from tests.schema.validators.kinds import KINDS
from tests.schema.validators.values import of_model

from docstore.documents.validation import prepared_to_insert
from docstore.models import ALL
from docstore.schema.checking.bson_types import AS_STORED, name_of
from docstore.schema.checking.compiling import breaks
from docstore.schema.checking.rules import broken
from docstore.schema.validators import validator_of

MODELS = (*ALL, *KINDS)
TOGETHER = 12
DRAWN = 12
# What the embedded server stumbles over, infinities and instants beyond Python's, is told below.
JUNK: list[Any] = [
    *(None, True, 0, 1, -1, 2.5, 3.0, Int64(2**40), Int64(3), Decimal128("2"), Decimal128("2.5")),
    *("", "a", "RED", "\u0663", b"x", ObjectId(), Timestamp(1, 1), MinKey(), Regex("a")),
    *([], ["a"], [1, "a"], [None], {}, {"a": 1}, {"width": 1}, {"width": "a", "height": None}, DBRef("X", 1)),
]
ALL_OF_IT = list(HealthCheck)
ONCE = [Phase.generate]


def drawn(model: Any) -> list[dict[str, Any]]:
    """Stored documents of a model with something wrong in most of them."""
    names = [info.alias or name for name, info in model.model_fields.items() if info.alias != "_id"]
    found: list[dict[str, Any]] = []

    @settings(max_examples=DRAWN, database=None, deadline=None, phases=ONCE, suppress_health_check=ALL_OF_IT)
    @given(
        of_model(model),
        st.dictionaries(st.sampled_from(names), st.sampled_from(JUNK), max_size=2),
        st.lists(st.sampled_from(names), max_size=1),
    )
    def draw(document: Any, junk: dict[str, Any], gone: list[str]) -> None:
        stored = {"_id": ObjectId(), **prepared_to_insert(document), **deepcopy(junk)}
        found.append({name: value for name, value in stored.items() if name not in gone})

    draw()
    return found


@pytest.mark.parametrize("first", range(0, len(MODELS), TOGETHER))
async def test_both_verdicts_are_the_same(first: int, bind_models: Any, refused: Any) -> None:
    models = MODELS[first : first + TOGETHER]
    await bind_models(*models)
    failing = 0
    for model in models:
        documents = await asyncio.to_thread(drawn, model)
        schema = validator_of(model)["$jsonSchema"]
        fails = breaks(schema)
        as_read = [bson.decode(bson.encode(each), AS_STORED) for each in documents]

        theirs = set(await refused({"$jsonSchema": schema}, documents))

        assert {place for place, each in enumerate(as_read) if fails(each)} == theirs, model.__name__
        assert {place for place, each in enumerate(as_read) if list(broken(schema, each))} == theirs, model.__name__
        failing += len(theirs)
    assert failing > DRAWN


SCHEMA: dict[str, Any] = {
    "bsonType": "object",
    "required": ["title", "owner"],
    "properties": {
        "title": {"bsonType": "string", "minLength": 1, "maxLength": 5},
        "stars": {"bsonType": ["int", "long", "double"], "multipleOf": 1, "minimum": 1, "maximum": 5},
        "state": {"bsonType": ["string", "null"], "enum": ["NEW", None]},
        "sizes": {
            "bsonType": "array",
            "minItems": 1,
            "items": {"bsonType": "object", "required": ["width"], "properties": {"width": {"bsonType": "int"}}},
        },
        "labels": {"bsonType": "object", "additionalProperties": {"bsonType": "string"}},
        "closed": {"bsonType": "object", "properties": {"a": {}}, "additionalProperties": False},
        "either": {"anyOf": [{"bsonType": "string"}, {"bsonType": "int"}]},
        "pair": {"bsonType": "array", "items": [{"bsonType": "int"}, {"bsonType": "string"}]},
        "slug": {"bsonType": "string", "pattern": "^[a-z]+$"},
    },
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title": 5}, ["title: type string (int)"]),
        ({"title": ""}, ["title: at least 1 characters (string)"]),
        ({"title": "abcdef"}, ["title: at most 5 characters (string)"]),
        ({"stars": 0}, ["stars: at least 1 (int)"]),
        ({"stars": 2.5}, ["stars: a whole number (double)"]),
        ({"stars": 9.5}, ["stars: a whole number (double)", "stars: at most 5 (double)"]),
        ({"stars": math.nan}, ["stars: a whole number (double)", "stars: at least 1 (double)"]),
        ({"stars": math.inf}, ["stars: a whole number (double)", "stars: at most 5 (double)"]),
        ({"state": "OLD"}, ["state: one of NEW, null (string)"]),
        ({"sizes": [{"width": 1}, {}]}, ["sizes[].width: required (missing)"]),
        ({"sizes": [{"width": "a"}]}, ["sizes[].width: type int (string)"]),
        ({"sizes": []}, ["sizes: at least 1 elements (array)"]),
        ({"labels": {"a": "b", "c": 1}}, ["labels.*: type string (int)"]),
        ({"closed": {"a": 1, "b": 2}}, ["closed.*: no other fields (int)"]),
        ({"either": 2.5}, ["either: one of 2 forms (double)"]),
        ({"pair": [1, 2]}, ["pair[1]: type string (int)"]),
        ({"slug": "A"}, ["slug: like ^[a-z]+$ (string)"]),
        ({"title": None, "slug": None}, ["slug: type string (null)", "title: type string (null)"]),
        ({"state": None, "either": "a", "pair": [1], "labels": {}, "stars": 3.0}, []),
    ],
)
def test_what_is_wrong_is_told(change: dict[str, Any], told: list[str]) -> None:
    document = {"title": "a", "owner": 1, **change}

    assert sorted(f"{rule} ({found})" for rule, found in broken(SCHEMA, document)) == sorted(told)
    assert breaks(SCHEMA)(document) is bool(told)


def test_a_missing_field_is_told_also_when_nothing_else_is_asked_of_it() -> None:
    assert [str(rule) for rule, _ in broken(SCHEMA, {"title": "a"})] == ["owner: required"]
    assert breaks(SCHEMA)({"title": "a"})
    assert breaks({"required": ["free"], "properties": {"free": {}}})({})


def test_names_of_types_are_mongodbs() -> None:
    names = [name_of(each) for each in (1, Int64(1), 1.5, True, None, "a", b"", {}, [], DBRef("X", 1), DatetimeMS(1))]

    assert names == ["int", "long", "double", "bool", "null", "string", "binData", "object", "array", "object", "date"]
