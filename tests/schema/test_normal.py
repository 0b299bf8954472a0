"""Declared indexes against what servers report of them: all the same, spelled in another way."""

from typing import Any

import pytest
from bson import SON, Decimal128, Int64
from pymongo import IndexModel

from docstore.documents import Document
from docstore.schema.specs import declared_specs, reported_specs

FILLED = {
    "caseLevel": False,
    "caseFirst": "off",
    "strength": 3,
    "numericOrdering": False,
    "alternate": "non-ignorable",
    "maxVariable": "punct",
    "normalization": False,
    "backwards": False,
    "version": "57.1",
}
"""What a MongoDB server adds to a collation."""


def same(declared: IndexModel, reported: dict[str, Any]) -> bool:
    class Thing(Document):
        indexes = (declared,)

    [spec] = declared_specs(Thing)
    [found] = reported_specs([{"v": 2, "name": "any", **reported}])
    return spec.does_the_same(found) and found.does_the_same(spec)


@pytest.mark.parametrize(
    ("declared", "reported"),
    [
        (IndexModel("a"), {"key": SON(a=1.0)}),
        (IndexModel("a"), {"key": SON(a=Int64(1)), "sparse": False, "background": True, "ns": "db.Thing"}),
        (IndexModel("a", unique=True), {"key": SON(a=1), "unique": 1.0}),
        (IndexModel("a", expireAfterSeconds=60), {"key": SON(a=1), "expireAfterSeconds": 60.0}),
        (IndexModel("a", expireAfterSeconds=0), {"key": SON(a=1), "expireAfterSeconds": Int64(0)}),
        (IndexModel([("a", "hashed")]), {"key": SON(a="hashed")}),
        (IndexModel([("a", "2dsphere")]), {"key": SON(a="2dsphere"), "2dsphereIndexVersion": 3}),
        (IndexModel([("a", "2d")]), {"key": SON(a="2d"), "bits": 26, "min": -180.0, "max": 180.0}),
        (IndexModel([("a", "2d")], bits=20), {"key": SON(a="2d"), "bits": 20.0}),
        (
            IndexModel("a", collation={"locale": "en", "strength": 2}),
            {"key": SON(a=1), "collation": {"locale": "en", **FILLED, "strength": 2}},
        ),
        (
            IndexModel("a", collation={"locale": "fr_CA"}),
            {"key": SON(a=1), "collation": {"locale": "fr_CA", **FILLED, "backwards": True}},
        ),
        (IndexModel("a", collation={"locale": "simple"}), {"key": SON(a=1)}),
        (
            IndexModel("a", partialFilterExpression={"x": 1, "y": {"$in": [False, None]}}),
            {"key": SON(a=1), "partialFilterExpression": SON(y={"$in": [None, False]}, x=1.0)},
        ),
        (
            IndexModel("a", partialFilterExpression={"x": {"$gt": 1, "$lt": Decimal128("9")}, "y": 2}),
            {
                "key": SON(a=1),
                "partialFilterExpression": {"$and": [{"y": {"$eq": 2}}, {"x": {"$lt": 9}}, {"x": {"$gt": Int64(1)}}]},
            },
        ),
        (IndexModel([("$**", 1)]), {"key": SON([("$**", 1)])}),
        (
            IndexModel([("$**", 1)], wildcardProjection={"a": 1, "b.c": 1}),
            {"key": SON([("$**", 1)]), "wildcardProjection": {"b.c": True, "a": True}},
        ),
        (
            IndexModel([("title", "text"), ("content", "text")]),
            {
                "key": SON([("_fts", "text"), ("_ftsx", 1)]),
                "weights": SON(content=1, title=1),
                "default_language": "english",
                "language_override": "language",
                "textIndexVersion": 3,
            },
        ),
        (
            IndexModel([("kind", 1), ("title", "text"), ("at", -1)], weights={"title": 5}, default_language="none"),
            {
                "key": SON([("kind", 1), ("_fts", "text"), ("_ftsx", 1), ("at", -1)]),
                "weights": {"title": 5.0},
                "default_language": "none",
                "language_override": "language",
                "textIndexVersion": 3,
            },
        ),
        (
            IndexModel([("$**", "text")]),
            {"key": SON([("_fts", "text"), ("_ftsx", 1)]), "weights": {"$**": 1}, "textIndexVersion": 3},
        ),
    ],
)
def test_spelled_by_a_server(declared: IndexModel, reported: dict[str, Any]) -> None:
    assert same(declared, reported)


@pytest.mark.parametrize(
    ("declared", "reported"),
    [
        (IndexModel("a"), {"key": SON(a=-1)}),
        (IndexModel("a"), {"key": SON(a=1), "hidden": True}),
        (IndexModel("a"), {"key": SON(a=1), "collation": {"locale": "en", **FILLED}}),
        (
            IndexModel("a", collation={"locale": "en", "strength": 2}),
            {"key": SON(a=1), "collation": {"locale": "en", **FILLED}},
        ),
        (
            IndexModel("a", partialFilterExpression={"x": 1}),
            {"key": SON(a=1), "partialFilterExpression": {"x": True}},
        ),
        (
            IndexModel("a", partialFilterExpression={"x": {"$gt": 1}}),
            {"key": SON(a=1), "partialFilterExpression": {"x": {"$gte": 1}}},
        ),
        (
            IndexModel([("title", "text"), ("content", "text")], weights={"title": 2}),
            {"key": SON([("_fts", "text"), ("_ftsx", 1)]), "weights": {"title": 1, "content": 1}},
        ),
        (
            IndexModel([("title", "text")]),
            {"key": SON([("_fts", "text"), ("_ftsx", 1)]), "weights": {"title": 1, "content": 1}},
        ),
        (IndexModel([("$**", 1)], wildcardProjection={"a": 1}), {"key": SON([("$**", 1)])}),
    ],
)
def test_another_index(declared: IndexModel, reported: dict[str, Any]) -> None:
    assert not same(declared, reported)


def test_a_reported_text_index_can_be_created_again() -> None:
    [found] = reported_specs(
        [
            {
                "name": "t",
                "key": SON([("kind", 1), ("_fts", "text"), ("_ftsx", 1)]),
                "weights": SON(content=1, title=5),
                "default_language": "english",
                "language_override": "language",
                "textIndexVersion": 3,
            }
        ]
    )

    assert found.keys == (("kind", 1), ("content", "text"), ("title", "text"))
    assert found.options == {"weights": {"content": 1, "title": 5}}
