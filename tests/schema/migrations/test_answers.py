"""What the author of a change says of it, and what the generated file says to the author."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from pymongo.asynchronous.database import AsyncDatabase
from tests.schema.migrations.conftest import contents, everything

from docstore.documents import Document
from docstore.errors import MigrationError
from docstore.schema.migrations import MigrationRunner
from docstore.schema.migrations.generating import Answers, changes_since, generate
from docstore.schema.migrations.values import same
from docstore.schema.snapshot import snapshot_of
from docstore.schema.snapshot_diff import Kind
from docstore.schema.snapshot_renames import Renames

Database = AsyncDatabase[dict[str, Any]]


class State(StrEnum):
    """States, after: there were more."""

    OPEN = "OPEN"


class Meta(BaseModel):
    """A nested model, before."""

    size: int = 0
    seo: str | None = None


class NewMeta(BaseModel):
    """A nested model, after."""

    length: int = 0
    seo: str | None = None
    level: int = 3
    when: dict[str, datetime] = Field(default={"first": datetime(2026, 1, 1, tzinfo=UTC)})


class Before(Document):
    """A model, before."""

    full_name: str
    one: int
    two: int
    stars: int
    label: str
    state: str = "OPEN"
    meta: Meta | None = None
    parts: list[Meta] = Field(default_factory=list)

    class Settings:
        name = "Thing"


class After(Document):
    """A model, after."""

    display_name: str
    one: int
    two: int
    stars: Annotated[int, Field(ge=1, le=5)]
    label: Annotated[str, Field(max_length=3, pattern="^[a-z]*$")]
    state: State = State.OPEN
    info: NewMeta | None = None
    parts: Annotated[list[NewMeta], Field(max_length=9)] = Field(default_factory=list)

    class Settings:
        name = "Other"


FIELDS = {
    ("Thing", "full_name"): "display_name",
    ("Other", "one"): "two",
    ("Other", "two"): "one",
    ("Other", "meta.size"): "info.length",
    ("Other", "meta"): "info",
    ("Other", "parts.size"): "parts.length",
}
RENAMES = Renames(collections={"Thing": "Other"}, fields=FIELDS)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Migrations of the model before."""
    generate(tmp_path, snapshot_of([Before]))
    return tmp_path


def after(directory: Path, **answers: Any) -> Any:
    return generate(directory, snapshot_of([After]), answers=Answers(**answers))


async def test_fields_that_change_places_move_without_loss(directory: Path, database: Database) -> None:
    runner = MigrationRunner(database, directory)
    await runner.up()
    meta = {"size": 1, "seo": "s"}
    whole = {"_id": 1, "fullName": "Ada", "one": 1, "two": 2, "stars": 3, "label": "x", "meta": meta, "parts": [meta]}
    await database["Thing"].insert_many([whole, {"_id": 2, "one": 1, "meta": None}], bypass_document_validation=True)
    before = await everything(database)
    after(directory, renames=RENAMES)
    await runner.up()
    first, second = await contents(database, "Other")
    inside = {"length": 1, "seo": "s", "level": 3}
    assert first == {
        "_id": 1,
        "displayName": "Ada",
        "one": 2,
        "two": 1,
        "stars": 3,
        "label": "x",
        "info": inside,
        "parts": [inside],
    }
    assert second == {"_id": 2, "two": 1, "info": None}
    there = await everything(database)
    await runner.down()
    assert same(await everything(database), before)
    await runner.up()
    assert same(await everything(database), there)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"fills": {"Other.nothing": 1}}, "Other.nothing takes no value"),
        ({"fills": {"Other.label:x": 1}}, "Other.label:x takes no value"),
        ({"renames": Renames(values={("Other", "state"): {"UP": "AJAR"}})}, "Other.state has no value AJAR"),
        ({"renames": Renames(values={("Other", "stat"): {"UP": "OPEN"}})}, "Other.stat has no value OPEN"),
        ({"renames": Renames(fields={("Other", "fullname"): "displayName"})}, "was not renamed to displayName"),
    ],
)
def test_answers_that_fit_nothing_are_refused_before_anything_is_written(
    directory: Path, answers: dict[str, Any], told: str
) -> None:
    written = sorted(directory.rglob("*"))
    with pytest.raises(MigrationError, match=told):
        after(directory, **answers)
    assert sorted(directory.rglob("*")) == written


def test_rules_that_became_tighter_are_told_and_stand_in_the_file(directory: Path) -> None:
    generated = after(directory, renames=RENAMES)
    told = [str(each) for each in generated.changes if each.kind is Kind.TIGHTENED]
    assert told == [
        "tightened: Other.stars, at least 1, at most 5",
        "tightened: Other.label, at most 3 characters, like ^[a-z]*$",
        "tightened: Other.state, one of OPEN",
        "tightened: Other.parts, at most 9 elements",
    ]
    assert "# Other.stars: at least 1, at most 5 from now on." in generated.path.read_text()


def test_rules_that_became_wider_are_no_tighter_ones(tmp_path: Path) -> None:
    generate(tmp_path, snapshot_of([After]))
    back = Renames({"Other": "Thing"}, {("Thing", new): old for (_, old), new in FIELDS.items()})
    changes = changes_since(tmp_path, snapshot_of([Before]), back)
    assert Kind.TIGHTENED not in {each.kind for each in changes}


async def test_a_plan_counts_what_would_not_fit(directory: Path, database: Database) -> None:
    runner = MigrationRunner(database, directory)
    await runner.up()
    whole = {"fullName": "Ada", "one": 1, "two": 2, "label": "x", "state": "OPEN", "meta": None, "parts": []}
    await database["Thing"].insert_many([{**whole, "stars": stars} for stars in (3, 9, -1)])

    class Tighter(Before):
        stars: Annotated[int, Field(ge=1, le=5)]

        class Settings:
            name = "Thing"

    generate(directory, snapshot_of([Tighter]))
    (planned,) = await runner.plan_up()
    (step,) = planned.steps
    assert step.detail == "action: error; documents that do not fit: 2, see docstore schema check --only Thing"


def test_a_snapshot_without_its_migration_is_refused(directory: Path) -> None:
    (path,) = directory.glob("0001_*.py")
    path.unlink()
    with pytest.raises(MigrationError, match=r"0001\.json is the snapshot of a migration that is not there"):
        after(directory)


class Two(StrEnum):
    """States, before."""

    OPEN = "OPEN"
    AJAR = "AJAR"
    UP = "UP"


class One(StrEnum):
    """States, after: AJAR is gone, UP is called RAISED."""

    OPEN = "OPEN"
    RAISED = "RAISED"


class Doors(Document):
    """A model with more states."""

    state: Two

    class Settings:
        name = "Door"


class Door(Document):
    """A model with fewer."""

    state: One

    class Settings:
        name = "Door"


async def test_a_value_that_became_another_one_comes_back_alone(tmp_path: Path, database: Database) -> None:
    generate(tmp_path, snapshot_of([Doors]))
    runner = MigrationRunner(database, tmp_path)
    await runner.up()
    await database["Door"].insert_many([{"state": "AJAR"}, {"state": "OPEN"}, {"state": "UP"}])
    before = await contents(database, "Door")
    answers = Answers(Renames(values={("Door", "state"): {"UP": "RAISED"}}), {"Door.state:AJAR": "OPEN"})
    generate(tmp_path, snapshot_of([Door]), answers=answers)
    await runner.up()
    assert [each["state"] for each in await contents(database, "Door")] == ["OPEN", "OPEN", "RAISED"]
    # What is written between is as today's models have it.
    await database["Door"].insert_many([{"state": "OPEN"}, {"state": "RAISED"}])
    await runner.down()
    after_down = await contents(database, "Door")
    assert after_down[:3] == before
    assert [each["state"] for each in after_down[3:]] == ["OPEN", "UP"]


async def test_a_plan_counts_in_collections_under_their_names_of_today(directory: Path, database: Database) -> None:
    runner = MigrationRunner(database, directory)
    await runner.up()
    await database["Thing"].insert_one({"fullName": "Ada"}, bypass_document_validation=True)
    after(directory, renames=RENAMES)
    (planned,) = await runner.plan_up()
    counts = {each.label: each.documents for each in planned.steps}
    assert counts["rename_field Other fullName -> displayName (by the server)"] == 1
    assert sorted(await database.list_collection_names()) == [
        "Lease",
        "MigrationJournal",
        "MigrationKept",
        "MigrationStep",
        "Thing",
    ]
