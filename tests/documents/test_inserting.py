"""New documents: the ids they get, and what the guard still refuses."""

import subprocess
import sys
from datetime import UTC
from typing import Any

import pytest
from bson import ObjectId
from pydantic import Field

from docstore.documents import Document, PydanticObjectId, SystemDocument, UtcDateTime
from docstore.documents.fields import utc_now
from docstore.documents.lifecycle.inserting import new_ids
from docstore.errors import ProtectedField, UniqueViolation, ValidationFailed


class InsertedNote(Document):
    title: str
    at: UtcDateTime = Field(default_factory=utc_now)


class InsertedRow(SystemDocument):
    id: str  # type: ignore[assignment]  # no object id
    title: str = ""


def test_ids_are_many_different_and_in_order() -> None:
    made = new_ids(5000)
    assert all(type(each) is PydanticObjectId for each in made)
    assert len({*made, *new_ids(5000)}) == 10_000
    assert [each.binary[:9] for each in made[:2]] == [made[0].binary[:9]] * 2
    age = utc_now() - made[0].generation_time
    assert abs(age.total_seconds()) < 5


def test_ids_are_no_others_than_the_drivers_in_kind() -> None:
    (made,) = new_ids(1)
    assert made == ObjectId(str(made))
    assert hash(made) == hash(ObjectId(str(made)))
    assert ObjectId(made.binary) == made


_FORK = """
import os
from docstore.documents.lifecycle.inserting import new_ids
new_ids(1)
child = os.fork()
if child:
    os.waitpid(child, 0)
print(*new_ids(2), flush=True)
"""


def test_a_forked_process_makes_ids_of_its_own() -> None:
    told = subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, check=True, timeout=60)
    processes = [{ObjectId(each).binary[4:9] for each in line.split()} for line in told.stdout.splitlines()]
    assert [len(each) for each in processes] == [1, 1]
    assert processes[0] != processes[1]


async def test_ids_of_ones_own_are_kept_beside_new_ones(bind_models: Any) -> None:
    await bind_models(InsertedNote)
    own = PydanticObjectId()
    notes = [InsertedNote(title="one"), InsertedNote(id=own, title="two"), InsertedNote(title="three")]
    result = await InsertedNote.insert_many(notes)
    assert notes[1].id == own
    assert [note.id for note in notes] == result.inserted_ids
    assert len({note.id for note in notes}) == 3
    assert [note.title for note in await InsertedNote.get_many(result.inserted_ids)] == ["one", "two", "three"]


async def test_a_document_whose_insert_fails_has_no_id(bind_models: Any) -> None:
    await bind_models(InsertedNote)
    first = await InsertedNote(title="one").insert()
    with pytest.raises(UniqueViolation):
        await InsertedNote.insert_many([InsertedNote(id=first.id, title="two"), third := InsertedNote(title="three")])
    assert third.id is None
    assert await InsertedNote.find().count() == 1


async def test_ids_that_are_no_object_ids_stay_as_they_are(bind_models: Any) -> None:
    await bind_models(InsertedRow)
    await InsertedRow(id="a").insert()
    await InsertedRow.insert_many([InsertedRow(id="b")])
    assert [row.id for row in await InsertedRow.find().sort("_id").to_list()] == ["a", "b"]


@pytest.mark.parametrize(
    "marks", [{"is_deleted": True}, {"deleted_at": utc_now()}, {"deleted_by": "me"}, {"deletion_id": ObjectId()}]
)
async def test_no_document_is_born_deleted(bind_models: Any, marks: dict[str, Any]) -> None:
    await bind_models(InsertedNote)
    with pytest.raises(ProtectedField):
        await InsertedNote(title="one", **marks).insert()
    with pytest.raises(ProtectedField):
        await InsertedNote.insert_many([InsertedNote(title="one"), InsertedNote(title="two", **marks)])
    assert await InsertedNote.with_deleted.find().count() == 0


async def test_a_document_read_by_its_id_has_its_instants_in_utc(bind_models: Any) -> None:
    await bind_models(InsertedNote)
    note = await InsertedNote(title="one").insert()
    read = await InsertedNote.get(note.id)
    assert read is not None
    assert (read.at, read.at.tzinfo) == (note.at, UTC)
    assert read == note


@pytest.mark.parametrize("stranger", [InsertedRow(id="x"), {"title": "y"}])
async def test_another_models_document_is_not_inserted(bind_models: Any, database: Any, stranger: Any) -> None:
    await bind_models(InsertedNote, InsertedRow)
    with pytest.raises(ValidationFailed, match=f"given a {type(stranger).__name__}"):
        await InsertedNote.insert_many([InsertedNote(title="one"), stranger])
    assert await database["InsertedNote"].count_documents({}) == 0
