"""Numbers arrive where they are collected."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from docstore.clients.metric_names import METRICS
from docstore.clients.metrics import Metrics, NoMetrics, PrometheusMetrics

ROOT = Path(__file__).parents[2]


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


def counted_in(source: str) -> set[str]:
    """The names that a module counts under."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args)
    named = (
        call.args[0]
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"count", "gauge", "observe"}
        and ast.unparse(call.func.value).endswith("metrics")
    )
    return {each.value for name in named for each in ast.walk(name) if isinstance(each, ast.Constant)}


def test_whatever_is_counted_is_described_and_documented() -> None:
    counted = set().union(*(counted_in(path.read_text()) for path in (ROOT / "src").rglob("*.py")))
    documented = re.findall(
        r"^\| `(\w+)`[^|]*\| (?:counter|gauge|histogram) \|", (ROOT / "docs/workers.md").read_text(), re.M
    )
    assert counted == set(METRICS)
    assert documented == list(METRICS)


def test_prometheus_is_told_what_a_number_says() -> None:
    metrics = PrometheusMetrics()
    metrics.gauge("outbox_dead", 1)
    metrics.gauge("of_an_application", 1)
    told = metrics.exposition().decode()
    assert "# HELP docstore_outbox_dead Events given up, which wait for a person.\n" in told
    assert "# HELP docstore_of_an_application of an application\n" in told
    assert metrics.content_type.startswith("text/plain; version=")
