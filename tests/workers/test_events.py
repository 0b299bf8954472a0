"""Messages become events, or say why not."""

from __future__ import annotations

from typing import ClassVar

import pytest

from docstore.documents import Event
from docstore.errors import ValidationFailed
from docstore.workers import Message
from docstore.workers.events import event_in


class Counted(Event):
    name: ClassVar[str] = "test.counted"
    version: ClassVar[int] = 2
    collection: ClassVar[str] = "Test"

    number: int


GOOD = b'{"aggregateId": "a", "number": 1, "unknown": true}'


@pytest.mark.parametrize("headers", [{}, {"ce_dataversion": "1"}, {"ce_dataversion": "2"}])
def test_known_versions_are_read(headers: dict[str, str]) -> None:
    assert event_in(Message("t", GOOD, headers=headers), Counted).number == 1


@pytest.mark.parametrize(
    ("value", "headers", "told"),
    [
        (GOOD, {"ce_dataversion": "3"}, "version 3"),
        (GOOD, {"ce_dataversion": "new"}, "no number"),
        (b"\xff", {}, "not JSON"),
        (b"[]", {}, "no JSON object"),
        (b'{"aggregateId": "a", "number": "secret"}', {}, "number do not fit"),
    ],
)
def test_what_cannot_be_read_is_said_without_its_values(value: bytes, headers: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationFailed, match=told) as caught:
        event_in(Message("t", value, headers=headers), Counted)
    assert "secret" not in str(caught.value)
