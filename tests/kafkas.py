"""A real Apache Kafka for a test, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scripts.kafka_local import KafkaUnavailable, LocalKafka


@contextmanager
def running_or_skipped(kafka: LocalKafka) -> Iterator[LocalKafka]:
    """The brokers, started; the test is skipped where they cannot run."""
    try:
        kafka.__enter__()
    except KafkaUnavailable as error:
        pytest.skip(f"no real Kafka here: {error}")
    try:
        yield kafka
    finally:
        kafka.__exit__(None, None, None)
