"""The doctor: looks at the settings and at every server, and says what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from pydantic import SecretStr

from docstore._masking import MASK, mask_url
from docstore.clients import close_kafka_producer, close_mongo_client, close_redis
from docstore.errors import DocstoreError
from docstore.operations.findings import Finding
from docstore.operations.server_checks import check_algolia, check_kafka, check_mongodb, check_redis
from docstore.settings import Settings

Check = Callable[[Settings], Awaitable[Sequence[Finding]]]
"""A look at one thing. It says what it finds, problems included, and raises nothing but DocstoreError."""


_ALWAYS_SHOWN: Final = ("db_method", "database_name")


async def diagnose(settings: Settings, *, topics: Sequence[str] = (), further: Sequence[Check] = ()) -> list[Finding]:
    """Look at every server the settings name, and then at what the caller adds.

    Each server is asked once, without retries. What is optional and not configured is a note, not a problem.

    Args:
        settings: with the addresses of embedded servers filled in.
        topics: the Kafka topics that should exist.
        further: checks that need the servers, run when MongoDB answers.
    """
    checks: tuple[Check, ...] = (check_mongodb, check_redis, partial(check_kafka, topics=topics), check_algolia)
    try:
        findings: list[Finding] = []
        # One after the other: together, the loading of one driver would show in the latency of another server.
        for check in checks:
            findings += await check(settings)
        if all(each.ok for each in findings if each.check == "mongodb"):
            for check in further:
                findings += await _guarded(check, settings)
    finally:
        await _close_clients(settings)
    return findings


def describe_settings(settings: Settings) -> dict[str, str]:
    """The settings that are set, by environment variable; keys and passwords are hidden."""
    unset = (None, "")
    described = {}
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        if name not in _ALWAYS_SHOWN and (value == info.default or value in unset):
            continue
        described[name.upper()] = _shown(name, value)
    return described


async def _guarded(check: Check, settings: Settings) -> Sequence[Finding]:
    try:
        return await check(settings)
    except DocstoreError as error:
        return [Finding.of_error("database", error)]


async def _close_clients(settings: Settings) -> None:
    if settings.algolia_app_id:
        from docstore.clients.algolia import close_search_clients

        await close_search_clients(settings)
    if settings.redis_dsn is not None:
        await close_redis(settings)
    if settings.kafka_bootstrap:
        await close_kafka_producer(settings)
    await close_mongo_client(settings)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        return mask_url(value.get_secret_value()) if "url" in name else MASK
    return MASK if name in ("kafka_ca_cert", "kafka_client_cert") else str(value)
