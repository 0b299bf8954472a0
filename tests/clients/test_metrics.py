"""Numbers arrive where they are collected."""

from __future__ import annotations

import inspect

import pytest

from docstore.clients.metrics import Metrics, NoMetrics, PrometheusMetrics


def test_prometheus_gets_the_numbers() -> None:
    metrics = PrometheusMetrics()
    metrics.count("outbox_published", 3)
    metrics.count("outbox_published")
    metrics.gauge("outbox_pending", 7, topic="posts")
    metrics.gauge("outbox_pending", 5, topic="posts")
    metrics.observe("outbox_publish_seconds", 0.02)
    told = metrics.exposition().decode()
    assert "docstore_outbox_published_total 4.0" in told
    assert 'docstore_outbox_pending{topic="posts"} 5.0' in told
    assert "docstore_outbox_publish_seconds_count 1.0" in told
    assert PrometheusMetrics().exposition() == b"", "each has a registry of its own"


@pytest.mark.parametrize("kind", [NoMetrics, PrometheusMetrics])
def test_every_kind_has_the_methods_of_the_protocol(kind: type) -> None:
    for name, declared in inspect.getmembers(Metrics, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(kind, name)) == inspect.signature(declared)
    NoMetrics().count("x")
