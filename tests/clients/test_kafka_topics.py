"""What `ensure_topic` makes of the brokers' answers; the running cluster is in `test_kafka.py`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, UnsupportedVersionError

from docstore.clients.kafka_topics import _appears, _create


class AdminDouble:
    """Stands in for aiokafka's admin client; remembers what was asked for."""

    def __init__(self, *, brokers: int = 1, answer: int | Exception = 0, appears_after: int = 0) -> None:
        self._brokers = brokers
        self._answer = answer
        self._hidden = appears_after
        self.created: list[Any] = []

    async def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": list(range(self._brokers))}

    async def create_topics(self, topics: list[Any]) -> Any:
        self.created += topics
        if isinstance(self._answer, Exception):
            raise self._answer
        return SimpleNamespace(topic_errors=[(topics[0].name, self._answer, None)])

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        self._hidden -= 1
        code, partitions = (3, []) if self._hidden >= 0 else (0, [{"partition": 0}])
        return [{"topic": names[0], "error_code": code, "partitions": partitions}]


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (0, None),
        (36, None),  # somebody else was quicker
        (29, "TopicAuthorizationFailedError"),
        (UnsupportedVersionError("no"), "UnsupportedVersionError"),
        (AttributeError("nodeId"), "AttributeError"),
    ],
)
async def test_an_existing_topic_is_success_and_the_rest_is_named(answer: int | Exception, refusal: str | None) -> None:
    assert await _create(AdminDouble(answer=answer), "t", 6, None) == refusal  # type: ignore[arg-type]  # a double


async def test_a_lost_connection_is_not_a_refusal() -> None:
    with pytest.raises(KafkaConnectionError):
        await _create(AdminDouble(answer=KafkaConnectionError("gone")), "t", 6, 1)  # type: ignore[arg-type]  # a double


@pytest.mark.parametrize(("brokers", "asked", "copies"), [(1, None, 1), (5, None, 3), (5, 2, 2)])
async def test_copies_are_three_or_as_many_as_there_are_brokers(brokers: int, asked: int | None, copies: int) -> None:
    admin = AdminDouble(brokers=brokers)
    await _create(admin, "t", 6, asked)  # type: ignore[arg-type]  # a double
    assert [(new.name, new.num_partitions, new.replication_factor) for new in admin.created] == [("t", 6, copies)]


async def test_a_topic_may_take_a_moment_to_appear_but_not_for_ever() -> None:
    assert await _appears(AdminDouble(appears_after=2), "t", 5)  # type: ignore[arg-type]  # a double
    assert not await _appears(AdminDouble(appears_after=99), "t", 0.25)  # type: ignore[arg-type]  # a double
