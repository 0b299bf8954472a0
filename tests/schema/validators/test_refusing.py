"""What a derived validator says, and that a real server refuses junk by it."""

from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from tests.schema.validators.kinds import Checked, Chosen, Containers, Encoded, NoNulls, Scalars, Tree

from docstore.models import Post, Session, Vote
from docstore.schema.validators import collection_validator, validator_of

POST = {"title": "Hello", "content": "", "postUrl": "hello", "authorId": ObjectId()}
SCALARS = {"flag": True, "whole": 1, "text": "a"}
CHECKED = {"slug": "a-b", "email": "ada@example.com", "filled": "x", "token": "sha256:" + "0" * 64}


def rule(model: Any, *path: str) -> Any:
    found = validator_of(model)["$jsonSchema"]
    for each in path:
        found = found["properties"][each]
    return found


def test_what_a_validator_of_a_model_says() -> None:
    schema = validator_of(Post)["$jsonSchema"]

    assert (schema["bsonType"], schema["title"]) == ("object", "Post")
    assert schema["required"] == ["title", "content", "postUrl", "authorId"]
    assert schema["properties"]["_id"] == {"bsonType": "objectId"}
    assert schema["properties"]["title"] == {"bsonType": "string", "minLength": 1}
    assert schema["properties"]["publishDate"] == {"bsonType": ["date", "null"]}
    assert schema["properties"]["isDeleted"] == {"bsonType": ["bool", "null"]}
    assert schema["properties"]["viewCount"] == {"bsonType": ["int", "long", "double"], "multipleOf": 1}
    assert schema["properties"]["newsletterType"] == {
        "bsonType": ["string", "null"],
        "enum": ["PERSONAL", "COMPANY", None],
    }
    assert "additionalProperties" not in schema


def test_bounds_lengths_and_patterns() -> None:
    assert rule(Scalars, "bounded") == {
        "bsonType": ["int", "long", "double"],
        "multipleOf": 3,
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 10,
        "exclusiveMaximum": True,
    }
    assert rule(Scalars, "share") == {"bsonType": ["double", "int", "long"], "minimum": 0.0, "maximum": 1.0}
    assert "multipleOf" not in rule(Scalars, "step")
    assert rule(Scalars, "dear") == {"bsonType": "decimal", "minimum": Decimal128(Decimal("0.5"))}
    assert rule(Scalars, "short") == {"bsonType": "string", "minLength": 1, "maxLength": 3}
    assert rule(Scalars, "code")["pattern"] == "^[a-z]{1,4}$"


def test_nested_models_lists_and_unions() -> None:
    assert rule(
        Containers,
        "sizes",
    ) == {
        "bsonType": "array",
        "items": {
            "bsonType": "object",
            "required": ["width"],
            "properties": {
                "width": {"bsonType": ["int", "long", "double"], "multipleOf": 1, "minimum": 0, "maximum": 99},
                "height": {"bsonType": ["double", "int", "long", "null"]},
            },
        },
    }
    assert rule(Containers, "strict") == {
        "bsonType": ["object", "null"],
        "required": ["theWord"],
        "properties": {"theWord": {"bsonType": "string"}},
        "additionalProperties": False,
    }
    assert rule(Containers, "open")["properties"] == {"someWord": {"bsonType": "string"}}
    assert rule(Containers, "byName")["additionalProperties"]["multipleOf"] == 1
    assert rule(Containers, "tree", "children") == {"bsonType": "array", "items": {"bsonType": "object"}}
    assert rule(Containers, "free") == rule(Containers, "anything") == {}
    assert [each["bsonType"] for each in rule(Chosen, "pet")["anyOf"]] == ["object", "object", "null"]
    assert Tree.model_fields.keys() == {"name", "children"}


def test_a_model_may_say_how_it_is_stored() -> None:
    assert rule(Encoded, "amount") == {}
    assert rule(Encoded, "level") == {}
    assert rule(Encoded, "colour")["enum"] == ["red", "blue"]
    assert "required" not in validator_of(NoNulls)["$jsonSchema"]
    assert "hidden" not in validator_of(Checked)["$jsonSchema"]["properties"]


def test_a_validator_that_turns_a_value_into_another_type_is_believed() -> None:
    assert rule(Checked, "wasText") == {"bsonType": "string"}
    assert rule(Checked, "length") == {"bsonType": ["int", "long", "double"], "multipleOf": 1}


def test_a_callers_changes_stay_with_the_caller() -> None:
    validator_of(Vote)["$jsonSchema"]["properties"].clear()

    assert validator_of(Vote)["$jsonSchema"]["properties"]


@pytest.mark.parametrize(
    ("model", "good", "junk"),
    [
        (
            Post,
            POST,
            [
                {"title": ""},
                {"title": 5},
                {"title": None},
                {"content": ["a"]},
                {"postUrl": "Not A Slug"},
                {"authorId": str(ObjectId())},
                {"status": "published"},
                {"status": None},
                {"publishDate": "2026-01-01"},
                {"featured": "yes"},
                {"featured": 1},
                {"viewCount": "7"},
                {"viewCount": 7.5},
                {"viewCount": Decimal128("7")},
                {"broadcastIds": "a"},
                {"broadcastIds": ["a", 1]},
                {"deletedAt": 5},
                {"_id": "text"},
            ],
        ),
        (
            Scalars,
            SCALARS,
            [
                {"whole": True},
                {"bounded": 4},
                {"bounded": 12},
                {"bounded": 0},
                {"share": 1.5},
                {"price": 1.5},
                {"short": ""},
                {"short": "abcd"},
                {"code": "a1"},
                {"digits": "a"},
                {"raw": "text"},
                {"key": "6b017dc2-0000-0000-0000-000000000000"},
                {"owner": 5},
            ],
        ),
        (
            Checked,
            CHECKED,
            [{"slug": "A"}, {"email": "nobody"}, {"filled": ""}, {"token": "the token in the clear"}, {"tags": None}],
        ),
        (
            Containers,
            {},
            [
                {"sizes": [{"width": -1}]},
                {"sizes": [{"height": 1.0}]},
                {"size": []},
                {"strict": {"theWord": "a", "more": 1}},
                {"few": []},
                {"few": ["a", "b", "c"]},
                {"pair": [1]},
                {"pair": ["a", 1]},
                {"byName": {"a": "b"}},
            ],
        ),
        (Chosen, {"colour": "red"}, [{"colour": "green"}, {"level": 3}, {"one": "b"}, {"pet": {"kind": "cow"}}]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_junk_is_refused(model: Any, good: dict[str, Any], junk: list[dict[str, Any]], refused: Any) -> None:
    missing = [{key: good[key] for key in good if key != absent} for absent in good]
    bad = [*({**good, **each} for each in junk), *missing]

    found = await refused(validator_of(model), [good, *bad])

    assert sorted(found) == list(range(1, len(bad) + 1))


async def test_what_other_services_write_passes(refused: Any) -> None:
    held = [
        {**POST, "viewCount": 3_000_000_000.0},
        {**POST, "viewCount": Int64(3)},
        {**POST, "isDeleted": None, "unknown": {"to": "us"}},
    ]

    assert await refused(validator_of(Post), held) == {}


async def test_models_that_share_a_collection_are_each_accepted(refused: Any) -> None:
    validator = collection_validator([Vote, Session])
    vote = {"userId": ObjectId(), "reviewId": ObjectId(), "type": "UPVOTE"}

    assert list(await refused(validator, [vote, {"neither": 1}])) == [1]
