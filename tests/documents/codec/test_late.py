"""What a reader leaves to be made late is as if pydantic had made it, whoever asks for it first."""

import copy
import pickle
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from bson import ObjectId
from pydantic import PrivateAttr

from docstore.documents import Document, UtcDateTime
from docstore.documents.codec import codec_of
from docstore.documents.codec.late import EXTRA, FIELDS_SET, PRIVATE
from docstore.documents.hydration import hydrate


class Note(Document):
    title: str = "untitled"
    text: str | None = None
    seen_at: UtcDateTime | None = None
    _marks: list[str] = PrivateAttr(default_factory=list)


STORED: dict[str, Any] = {
    info.alias or name: info.get_default(call_default_factory=True)
    for name, info in Note.model_fields.items()
    if not info.exclude
}
STORED |= {"_id": ObjectId("65f000000000000000000001"), "title": "One"}
REVISED: dict[str, Any] = {**STORED, "revision_id": UUID(int=7)}
"""With a field that is not written by itself."""
PARTIAL = {"_id": STORED["_id"], "title": "One"}


def read(stored: dict[str, Any]) -> Note:
    note: Note = codec_of(Note).read(stored)
    return note


def is_empty(note: Note, slot: str) -> bool:
    try:
        object.__getattribute__(note, slot)
    except AttributeError:
        return True
    return False


def test_nothing_is_made_before_it_is_asked_for() -> None:
    note = read(STORED)
    assert all(is_empty(note, slot) for slot in (FIELDS_SET, EXTRA, PRIVATE))
    assert (note.title, note.text) == ("One", None)
    assert all(is_empty(note, slot) for slot in (FIELDS_SET, EXTRA, PRIVATE))


@pytest.mark.parametrize("stored", [STORED, REVISED, PARTIAL], ids=["whole", "revised", "partial"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda note: note.model_fields_set,
        lambda note: note.model_extra,
        lambda note: note._marks,
        lambda note: note.revision_id,
        lambda note: note.model_dump(exclude_unset=True),
        lambda note: note.model_dump_json(),
        lambda note: copy.copy(note),
        lambda note: copy.deepcopy(note),
        lambda note: note.model_copy(update={"title": "Two"}).model_fields_set,
        lambda note: pickle.loads(pickle.dumps(note)),
        lambda note: Note.model_validate(note),
        repr,
        lambda note: hasattr(note, "nothing of this name"),
    ],
)
def test_whatever_is_asked_for_is_as_pydantic_has_it(stored: dict[str, Any], ask: Callable[[Note], Any]) -> None:
    expected: Note = hydrate(Note, stored)
    assert ask(read(stored)) == ask(expected)
    asked = read(stored)
    ask(asked)
    assert asked == expected
    assert asked.model_fields_set == expected.model_fields_set
    assert asked.__pydantic_private__ == expected.__pydantic_private__


def test_every_document_has_its_own() -> None:
    first, second = read(STORED), read(STORED)
    first._marks.append("seen")
    first.title = "Two"
    first.model_fields_set.discard("text")
    assert second._marks == []
    assert "text" in second.model_fields_set
    assert first.__pydantic_private__ is first.__pydantic_private__


def test_the_fields_that_were_given_are_known_of_partial_documents() -> None:
    note = read(PARTIAL)
    assert note.model_fields_set == {"id", "title"}
    note.text = "Now"
    assert note.model_fields_set == {"id", "title", "text"}


def test_documents_that_are_constructed_have_theirs_at_once() -> None:
    note = Note(title="One")
    assert not any(is_empty(note, slot) for slot in (FIELDS_SET, EXTRA, PRIVATE))
    assert note.model_fields_set == {"title"}


def test_a_class_that_answers_for_missing_attributes_itself_is_read_as_before() -> None:
    class Answering(Document):
        title: str = ""

        def __getattr__(self, name: str) -> Any:
            if name == "answer":
                return 42
            return super().__getattr__(name)  # type: ignore[misc]  # hidden from type checkers by pydantic

    made: Any = codec_of(Answering).read(PARTIAL)
    assert made.answer == 42
    assert made.model_fields_set == {"id", "title"}
    with pytest.raises(AttributeError, match="question"):
        made.question  # noqa: B018 - asking is what is tested
