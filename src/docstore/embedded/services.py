"""The four services: which program serves each, with which arguments, at which URL, checked how."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from docstore.embedded import health
from docstore.errors import EmbeddedServerError, MissingExtra

RedisChoice = Literal["auto", "server", "fake"]


@dataclass(frozen=True)
class Launch:
    """One server process about to be started: the module it runs and its arguments (without the port)."""

    module: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """What a service may need to know to be launched. `data` is a directory of its own, made when needed."""

    data: Path
    durable: bool
    redis: RedisChoice = "auto"


@dataclass(frozen=True)
class Service:
    """How to launch a service, where it then is, and how to see that it serves."""

    name: str
    launch: Callable[[Options], Launch]
    url: Callable[[Mapping[str, Any]], str]
    check: Callable[[str], Awaitable[None]]
    takes_port: bool = True


def service_named(name: str) -> Service:
    """Return the service of that name. Raises ValueError when there is none."""
    if name not in SERVICES:
        raise ValueError(f"There is no embedded service {name!r}: choose from {', '.join(SERVICES)}.")
    return SERVICES[name]


def _require(module: str, what: str) -> None:
    try:
        found = importlib.util.find_spec(module) is not None
    except ImportError:
        found = False
    if not found:
        raise MissingExtra("embedded", what)


def _on_disk(options: Options) -> tuple[str, ...]:
    options.data.mkdir(exist_ok=True)
    return ("--data", str(options.data), *(("--durable",) if options.durable else ()))


def _launch_mongodb(options: Options) -> Launch:
    _require("secantus", "The embedded MongoDB server")
    return Launch("docstore.embedded.mongodb", _on_disk(options))


def _launch_redis(options: Options) -> Launch:
    at_hand = shutil.which("redis-server") is not None
    if options.redis == "server" and not at_hand:
        raise EmbeddedServerError(
            "redis-server is not on PATH.", hint="Install Redis, or leave the choice to 'auto' or 'fake'."
        )
    if at_hand and options.redis != "fake":
        return Launch("docstore.embedded.redis", _on_disk(options))
    _require("fakeredis", "The embedded Redis server (no redis-server is on PATH)")
    return Launch("docstore.embedded.fake_redis")


def _launch_kafka(_options: Options) -> Launch:
    _require("confluent_kafka", "The embedded Kafka server")
    return Launch("docstore.embedded.kafka")


def _launch_algolia(options: Options) -> Launch:
    if not options.durable:
        return Launch("docstore.embedded.algolia")
    options.data.mkdir(exist_ok=True)
    return Launch("docstore.embedded.algolia", ("--state", str(options.data / "state.json")))


def _mongodb_url(ready: Mapping[str, Any]) -> str:
    # A direct connection still carries sessions, transactions and change streams, and spares the discovery.
    return f"mongodb://127.0.0.1:{ready['port']}/?directConnection=true"


SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service("mongodb", _launch_mongodb, _mongodb_url, health.check_mongodb),
        Service("redis", _launch_redis, lambda ready: f"redis://127.0.0.1:{ready['port']}/0", health.check_redis),
        Service("kafka", _launch_kafka, lambda ready: str(ready["address"]), health.check_kafka, takes_port=False),
        Service(
            "algolia",
            _launch_algolia,
            lambda ready: f"http://127.0.0.1:{ready['port']}",
            health.check_algolia,
        ),
    )
}
