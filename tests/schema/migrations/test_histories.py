"""Random histories of twelve changes on random documents: down gives back what was, up again what had become of it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase
from tests.schema.migrations.conftest import Write, everything

from docstore.schema.migrations import MigrationRunner, Pace
from docstore.schema.migrations.values import same

Database = AsyncDatabase[dict[str, Any]]

CHANGES = 12
PATHS = ["title", "count", "status", "name", "meta.seo.title", "meta.size", "items.cost", "tags", "extra"]
NEW = ["headline", "amount", "state", "meta.label", "deep.er.value", "slug"]


def line(random_: random.Random) -> tuple[str, str]:
    """One change of a random kind, and its way back."""
    other = random_.choice(NEW)
    field = random_.choice([each for each in PATHS + NEW if each != other])
    lists = field == "items.cost"
    target = "items.price" if lists else other
    kinds: dict[str, tuple[str, str]] = {
        "rename": (f"rename_field('Post', {field!r}, {target!r})", f"rename_field('Post', {target!r}, {field!r})"),
        "backfill": (f"backfill('Post', {other!r}, 7)", f"undo_backfill('Post', {other!r})"),
        "made": (f"backfill('Post', {other!r}, function=made)", f"undo_backfill('Post', {other!r})"),
        "expression": (
            f"backfill('Post', {other!r}, expression={{'$ifNull': ['$title', 'none']}})",
            f"undo_backfill('Post', {other!r})",
        ),
        "default": ("set_default('Post', 'flag', False)", "undo_backfill('Post', 'flag')"),
        "drop": (f"drop_field('Post', {field!r})", f"restore_field('Post', {field!r})"),
        "text": (
            f"convert_type('Post', {field!r}, 'string', was='int', on_error='skip')",
            f"convert_type('Post', {field!r}, 'int', was='string', on_error='skip')",
        ),
        "number": (
            f"convert_type('Post', {field!r}, 'int', was='string', on_error='null')",
            f"convert_type('Post', {field!r}, 'string', was='int', on_error='skip')",
        ),
        "list": (
            "convert_type('Post', 'status', 'array', was='string')",
            "convert_type('Post', 'status', 'string', was='array', on_error='skip')",
        ),
        "value": (
            "rename_value('Post', 'status', {'UP': 'UPVOTE', 'DOWN': 'DOWNVOTE'})",
            "rename_value('Post', 'status', {'UPVOTE': 'UP', 'DOWNVOTE': 'DOWN'})",
        ),
        "values": (
            "rename_value('Post', 'tags', {'a': 'c', 'b': 'c'}, keep=True)",
            "undo_rename_value('Post', 'tags')",
        ),
        "split": (
            "split_field('Post', 'name', ['first', 'last'], function=halves, join=joined)",
            "merge_fields('Post', ['first', 'last'], 'name', function=joined)",
        ),
        "transform": (
            "transform('Post', 'mark', mark)",
            "undo_transform('Post', 'mark')",
        ),
        "collection": ("rename_collection('Side', 'Aside')", "rename_collection('Aside', 'Side')"),
    }
    return kinds[random_.choice(list(kinds))]


HEAD = """
import uuid

def made(document):
    return str(uuid.uuid4())

def halves(value):
    return str(value).split(" ", 1)

def joined(parts):
    return " ".join(str(part) for part in parts if part is not None)

def mark(document):
    document.setdefault("mark", uuid.uuid4().hex)
    document.pop("extra", None)
"""


def document(random_: random.Random) -> dict[str, Any]:
    """A document with anything missing, null, nested, listed, or deleted in one of three ways."""
    fields: dict[str, list[Any]] = {
        "title": ["one", "", "1", None, 5],
        "headline": ["there already", None],
        "count": [1, 2, "012", "x", 2.5, None, True, 2**40],
        "status": ["UP", "DOWN", "UPVOTE", "DELETED", None, ["UP"]],
        "name": ["Ada", "Ada Byron Lovelace", "", None, 4],
        "meta": [None, {}, {"seo": {"title": "t"}, "size": 1}, {"seo": None}, {"size": None, "label": "l"}],
        "items": [[], [{"cost": 1}, {"cost": None, "price": 2}], [{"other": 1}, 5], None],
        "tags": [["a", "b", "c"], [], "a", None],
        "extra": [{"x.y": 1, "$z": 2}, ObjectId("1" * 24), datetime(2020, 1, 1, tzinfo=UTC)],
        "deletedAt": [None, datetime(2021, 1, 1, tzinfo=UTC)],
        "isDeleted": [True, False, None],
        "slug": ["s"],
        "first": ["already"],
    }
    return {name: random_.choice(values) for name, values in fields.items() if random_.random() < 0.6}


@pytest.mark.parametrize("seed", range(5))
async def test_up_down_up(seed: int, database: Database, write: Write, tmp_path: Path) -> None:
    random_ = random.Random(seed)
    chosen = [line(random_) for _ in range(CHANGES)]
    for number, (up, down) in enumerate(chosen, 1):
        together = random_.choice(["", "transaction = False"])
        write(number, up=f"await m.{up}", down=f"await m.{down}", head=HEAD + together)
    ids = [*range(9), "a", "b", ObjectId("2" * 24), None]
    await database["Post"].insert_many([{"_id": id_, **document(random_)} for id_ in ids])
    await database["Side"].insert_one({"_id": 1})
    original = await everything(database)
    runner = MigrationRunner(database, tmp_path / "migrations", pace=Pace(batch_size=random_.choice([2, 5, 100])))

    assert len(await runner.up()) == CHANGES
    there = await everything(database)
    await runner.down(to="0")
    assert same(await everything(database), original)
    await runner.up()
    assert same(await everything(database), there)
