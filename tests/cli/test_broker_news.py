"""Of brokers that are away a worker says so, seldom."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from docstore.cli.broker_news import tell_of_brokers

NAMES = (
    "aiokafka",
    *(f"aiokafka.{each}" for each in ("cluster", "conn", "consumer", "coordinator", "producer", "admin")),
)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(each.level, list(each.filters)) for each in loggers]
    yield
    for logger, (level, filters) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.filters[:] = filters


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_an_outage_is_told_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    tell_of_brokers(every_s=1000)
    for _ in range(3):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", 0, "refused")
    assert told(caplog) == [
        "A Kafka broker does not answer, and is asked again: Unable connect to node with id 0: refused"
    ]


def test_it_is_told_again_later(caplog: pytest.LogCaptureFixture) -> None:
    tell_of_brokers(every_s=0)
    for _ in range(2):
        logging.getLogger("aiokafka").error("Unable to update metadata from [0]")
    assert len(told(caplog)) == 2


def test_what_is_no_outage_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    tell_of_brokers(every_s=0)
    logging.getLogger("aiokafka").warning("Topic t is not available during auto-create initialization")
    logging.getLogger("aiokafka.cluster").error("Topic t not found in cluster metadata")
    logging.getLogger("aiokafka.consumer.fetcher").error("Failed fetch messages from 0")
    assert told(caplog) == []
