"""What runs for long tells how it goes: counts, gauges and durations, to whatever collects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from docstore.clients.metric_names import METRICS
from docstore.errors import MissingExtra

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Metrics(Protocol):
    """Where numbers go. Names are snake_case and begin with their room, such as ``outbox_published``."""

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a count that only grows."""
        ...

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Say how much there is now."""
        ...

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Say how long something took."""
        ...


class NoMetrics:
    """Nobody wants to know."""

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Nothing."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Nothing."""

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Nothing."""


class PrometheusMetrics:
    """Numbers for Prometheus, named ``docstore_…`` and described as `METRICS` says; needs the extra ``metrics``.

    Args:
        registry: where they are kept; one of its own when None.

    Raises:
        MissingExtra: prometheus-client is not installed.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        try:
            import prometheus_client
        except ImportError as error:
            raise MissingExtra("metrics", "metrics for Prometheus") from error
        self._client = prometheus_client
        self._registry = registry or prometheus_client.CollectorRegistry()
        self._made: dict[str, Any] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """See `Metrics.count`."""
        self._of(self._client.Counter, name, labels).inc(by)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """See `Metrics.gauge`."""
        self._of(self._client.Gauge, name, labels).set(value)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """See `Metrics.observe`."""
        self._of(self._client.Histogram, name, labels).observe(seconds)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return self._client.generate_latest(self._registry)

    @property
    def content_type(self) -> str:
        """What `exposition` is, as an HTTP header says it."""
        return self._client.CONTENT_TYPE_LATEST

    def _of(self, kind: Any, name: str, labels: dict[str, str]) -> Any:
        made = self._made.get(name)
        if made is None:
            said = METRICS.get(name) or name.replace("_", " ")
            made = kind(f"docstore_{name}", said, tuple(labels), registry=self._registry)
            self._made[name] = made
        return made.labels(**labels) if labels else made
