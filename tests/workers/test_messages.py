"""What a worker is given."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from docstore.errors import ValidationFailed
from docstore.models import PostPublished
from docstore.workers import Message
from docstore.workers.events import event_in


def test_a_record_becomes_a_message() -> None:
    record = SimpleNamespace(
        topic="t", value=None, key=b"k", headers=[("CE_Id", b"e1"), ("odd", b"\xff")], partition=3, offset=7
    )
    message = Message.from_record(record)
    assert (message.topic, message.value, message.key) == ("t", b"", b"k")
    assert (message.event_id, message.partition, message.offset) == ("e1", 3, 7)


@pytest.mark.parametrize("value", [b"", b"no json", b"[1]", b"\xff", b"null"])
def test_a_value_that_is_no_object_is_refused(value: bytes) -> None:
    with pytest.raises(ValidationFailed, match="topic t"):
        Message("t", value).json()


def test_an_event_that_does_not_fit_is_refused_by_field_without_its_values() -> None:
    with pytest.raises(ValidationFailed) as caught:
        event_in(Message("t", b'{"aggregateId": "x", "title": 5, "secret": "hunter2"}'), PostPublished)
    assert "title" in str(caught.value)
    assert "postUrl" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
