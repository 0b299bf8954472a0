"""Migrations written from what changed in the models: deterministic, formatted, and true in both directions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import pytest
from bson import ObjectId
from pydantic import BaseModel, Field
from pymongo.asynchronous.database import AsyncDatabase
from tests.schema.migrations.conftest import everything

from docstore.documents import Document, Index, index, unique
from docstore.errors import MigrationError
from docstore.models import ALL
from docstore.schema.migrations import MigrationRunner
from docstore.schema.migrations.generating import Answers, Generated, generate
from docstore.schema.migrations.values import same
from docstore.schema.snapshot import dumped, loaded, snapshot_of
from docstore.schema.snapshot_diff import Kind, Renames, differences

Database = AsyncDatabase[dict[str, Any]]


class OldState(StrEnum):
    """States, before."""

    UP = "UP"
    GONE = "GONE"


class NewState(StrEnum):
    """States, after."""

    UPVOTE = "UPVOTE"


class OldPart(BaseModel):
    """A nested model, before."""

    cost: int | None = None
    junk: str | None = None


class NewPart(BaseModel):
    """A nested model, after."""

    price: int | None = None
    unit: str


class OldThing(Document):
    """A model, before."""

    title: str
    number: int
    extra: str | None = None
    state: OldState = OldState.UP
    parts: list[OldPart] = Field(default_factory=list)
    alone: str | None = None
    maybe: str | None = None

    class Settings:
        name = "Thing"

    indexes: ClassVar[Sequence[Index]] = (index("title", serves="by title"), index("number", serves="by number"))


class NewThing(Document):
    """A model, after."""

    headline: str
    number: str
    priority: int
    flag: bool = True
    tags: list[str] = Field(default_factory=list)
    state: NewState = NewState.UPVOTE
    parts: list[NewPart] = Field(default_factory=list)
    alone: list[str] | None = None
    maybe: str

    class Settings:
        name = "Thing"

    indexes: ClassVar[Sequence[Index]] = (unique("headline"), index("-number", serves="by number"))


class Left(Document):
    """A model that goes."""

    value: int


class Fresh(Document):
    """A model that comes."""

    value: int


RENAMES = Renames(
    fields={("Thing", "title"): "headline", ("Thing", "parts.cost"): "parts.price"},
    values={("Thing", "state"): {"UP": "UPVOTE"}},
)
FILLS = {"Thing.priority": 3, "Thing.parts.unit": "kg", "Thing.maybe": "?", "Thing.state:GONE": "UPVOTE"}


def formatted(path: Path) -> bool:
    command = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "120", str(path)]
    linted = [sys.executable, "-m", "ruff", "check", "--select", "E,F,I,UP", "--line-length", "120", str(path)]
    return all(subprocess.run(each, capture_output=True).returncode == 0 for each in (command, linted))


def both(directory: Path, **answers: Any) -> tuple[Generated, Generated]:
    first = generate(directory, snapshot_of([OldThing, Left]))
    return first, generate(directory, snapshot_of([NewThing, Fresh]), answers=Answers(**answers))


def test_a_snapshot_reads_back_and_depends_on_no_order() -> None:
    text = dumped(snapshot_of(ALL))
    assert dumped(loaded(text)) == text
    assert dumped(snapshot_of(tuple(reversed(ALL)))) == text
    assert differences(loaded(text), snapshot_of(ALL)) == []
    with pytest.raises(MigrationError, match="is no snapshot"):
        loaded("{}")


def test_nothing_changed_writes_nothing(tmp_path: Path) -> None:
    assert generate(tmp_path, snapshot_of([OldThing])).path is not None
    before = sorted(tmp_path.rglob("*"))
    again = generate(tmp_path, snapshot_of([OldThing]))
    assert (again.path, again.changes) == (None, ())
    assert sorted(tmp_path.rglob("*")) == before


def test_the_same_changes_make_the_same_formatted_file(tmp_path: Path) -> None:
    one = both(tmp_path / "one", renames=RENAMES, fills=FILLS)
    other = both(tmp_path / "other", renames=RENAMES, fills=FILLS)
    for mine, theirs in zip(one, other, strict=True):
        assert mine.path is not None
        assert theirs.path is not None
        assert mine.path.read_text() == theirs.path.read_text()
        assert formatted(mine.path)
    assert one[1].unfilled == ()


def test_nothing_is_guessed(tmp_path: Path) -> None:
    _, second = both(tmp_path)
    kinds = [each.kind for each in second.changes]
    assert Kind.FIELD_RENAMED not in kinds
    assert ("Thing.title", "Thing.headline") in second.maybe_renamed
    assert set(second.unfilled) == {
        "Thing.headline",
        "Thing.priority",
        "Thing.parts.unit",
        "Thing.maybe",
        "Thing.state:UP",
        "Thing.state:GONE",
    }
    assert second.path is not None
    assert second.path.read_text().count("FILL_IN") == 7
    assert formatted(second.path)


@pytest.mark.parametrize(
    "renames",
    [
        Renames(fields={("Thing", "nothing"): "headline"}),
        Renames(fields={("Thing", "title"): "nothing"}),
        Renames(collections={"Nothing": "Fresh"}),
        Renames(collections={"Left": "Thing"}),
    ],
)
def test_what_cannot_have_been_renamed_is_refused(tmp_path: Path, renames: Renames) -> None:
    with pytest.raises(MigrationError, match="was not renamed"):
        both(tmp_path, renames=renames)


async def test_up_and_down_are_true(tmp_path: Path, database: Database) -> None:
    both(tmp_path, renames=RENAMES, fills=FILLS)
    runner = MigrationRunner(database, tmp_path, action="error")
    await runner.up(to="1")
    names = ["title", "number", "extra", "state", "parts", "alone", "maybe", "isDeleted"]
    rows: list[list[Any]] = [
        ["a", 1, "x", "UP", [{"cost": 1, "junk": "j"}, {"cost": None}], "one", "m", False],
        ["b", 2, None, "GONE", [], None, None, True],
    ]
    documents = [{"_id": ObjectId(), **dict(zip(names, row, strict=True))} for row in rows]
    documents.append({"_id": ObjectId(), "title": "c", "number": 3})
    await database["Thing"].insert_many(documents)
    await database["Left"].insert_one({"value": 1})
    before = await everything(database)

    await runner.up()
    first, second, third = (await everything(database))["Thing"]
    assert {**first, "_id": 0} == {
        "_id": 0,
        "headline": "a",
        "number": "1",
        "state": "UPVOTE",
        "parts": [{"price": 1, "unit": "kg"}, {"price": None, "unit": "kg"}],
        "alone": ["one"],
        "maybe": "m",
        "isDeleted": False,
        "priority": 3,
        "flag": True,
        "tags": [],
    }
    assert (second["state"], second["maybe"], second["alone"]) == ("UPVOTE", "?", None)
    assert (third["headline"], third["priority"]) == ("c", 3)
    there = await everything(database)
    assert set(await database["Thing"].index_information()) == {"_id_", "uq_headline", "ix_number_desc"}
    await runner.down()
    assert same(await everything(database), before)
    assert set(await database["Thing"].index_information()) == {"_id_", "ix_title", "ix_number"}
    await runner.up()
    assert same(await everything(database), there)
    await runner.down(to="0")
    assert [name for name in await everything(database) if not name.startswith("_dropped")] == []
    await runner.up()
    assert same(await everything(database), there)


async def test_a_renamed_collection_keeps_documents_indexes_and_validator(tmp_path: Path, database: Database) -> None:
    generate(tmp_path, snapshot_of([Left]))
    runner = MigrationRunner(database, tmp_path)
    await runner.up()
    await database["Left"].insert_one({"_id": ObjectId("1" * 24), "value": 1})
    generate(tmp_path, snapshot_of([Fresh]), answers=Answers(Renames(collections={"Left": "Fresh"})))
    await runner.up()
    assert await everything(database) == {"Fresh": [{"_id": ObjectId("1" * 24), "value": 1}]}
    options = await (await database.list_collections(filter={"name": "Fresh"})).to_list()
    assert options[0]["options"]["validator"]["$jsonSchema"]["title"] == "Fresh"
    await runner.down()
    assert list(await everything(database)) == ["Left"]
