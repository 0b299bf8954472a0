"""One check a server: does it answer, what is it, and can it do what docstore needs of it?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from docstore.clients import Ping, get_mongo_client, make_kafka_consumer, ping_kafka, ping_mongo, ping_redis
from docstore.errors import DocstoreError
from docstore.operations.findings import Finding
from docstore.settings import Settings

_REPLICA_SET_HINT: Final = (
    "Start it as a replica set, one node is enough: mongod --replSet rs0, then rs.initiate() in mongosh."
)
_TOPICS_LIMIT_S: Final = 15.0


async def check_mongodb(settings: Settings) -> Sequence[Finding]:
    """Answer and version; replica set; a transaction that is opened and given up."""
    try:
        found = _answered(await ping_mongo(settings))
    except DocstoreError as error:
        return [Finding.of_error("mongodb", error)]
    client = get_mongo_client(settings)
    return [found, await _replica_set(client), await _transactions(client, settings.effective_database_name)]


async def check_redis(settings: Settings) -> Sequence[Finding]:
    """Answer, where Redis is configured."""
    if settings.redis_dsn is None:
        hint = "The cache needs it: set REDIS_URL, such as redis://127.0.0.1:6379/0."
        return [Finding("redis", True, "not configured", hint)]
    try:
        return [_answered(await ping_redis(settings))]
    except DocstoreError as error:
        return [Finding.of_error("redis", error)]


async def check_kafka(settings: Settings, topics: Sequence[str]) -> Sequence[Finding]:
    """Answer, where Kafka is configured, and which of the topics exist."""
    if not settings.kafka_bootstrap:
        hint = "Publishing events and the workers need it: set KAFKA_SERVICE_URI, such as 127.0.0.1:9092."
        return [Finding("kafka", True, "not configured", hint)]
    try:
        found = _answered(await ping_kafka(settings))
    except DocstoreError as error:
        return [Finding.of_error("kafka", error)]
    return [found, await _topics(settings, topics)]


async def check_algolia(settings: Settings) -> Sequence[Finding]:
    """Answer, where Algolia is configured, and what each key may do."""
    if not settings.algolia_app_id:
        hint = "Search sync needs it: set ALGOLIA_APP_ID, ALGOLIA_WRITE_API_KEY and ALGOLIA_SEARCH_API_KEY."
        return [Finding("algolia", True, "not configured", hint)]
    findings = []
    if settings.algolia_write_api_key is None:
        hint = "Search sync needs it; searching does not."
        findings.append(Finding("algolia write key", True, "ALGOLIA_WRITE_API_KEY is not set", hint))
    else:
        findings.append(await _key(settings, "algolia write key", ("addObject", "deleteObject", "editSettings")))
    if settings.algolia_search_api_key is not None:
        search_only = settings.model_copy(update={"algolia_write_api_key": None})
        findings.append(await _key(search_only, "algolia search key", ("search",)))
    return findings


def _answered(ping: Ping) -> Finding:
    detail = f"{ping.address}, {ping.detail}" if ping.detail else ping.address
    return Finding(ping.server, True, detail, latency_ms=ping.latency_ms)


async def _replica_set(client: AsyncMongoClient[dict[str, Any]]) -> Finding:
    try:
        hello = await client.admin.command("hello")
    except PyMongoError as error:
        return Finding("mongodb replica set", False, f"hello was refused: {type(error).__name__}")
    if hello.get("msg") == "isdbgrid":
        return Finding("mongodb replica set", True, "a sharded cluster, through mongos")
    if name := hello.get("setName"):
        return Finding("mongodb replica set", True, f"{name}, {len(hello.get('hosts', ()))} member(s)")
    return Finding("mongodb replica set", False, "a stand-alone server", _REPLICA_SET_HINT)


async def _transactions(client: AsyncMongoClient[dict[str, Any]], database: str) -> Finding:
    try:
        async with client.start_session() as session, await session.start_transaction():
            await client[database]["OutboxEntry"].find_one({}, {"_id": 1}, session=session)
            await session.abort_transaction()
    except PyMongoError as error:
        return Finding("mongodb transactions", False, f"refused: {type(error).__name__}", _REPLICA_SET_HINT)
    return Finding("mongodb transactions", True, "available")


async def _topics(settings: Settings, wanted: Sequence[str]) -> Finding:
    check = "kafka topics"
    consumer = make_kafka_consumer("docstore-doctor", (), settings)
    try:
        async with asyncio.timeout(_TOPICS_LIMIT_S):
            await consumer.start()
            try:
                held = await consumer.topics()
            finally:
                await consumer.stop()
    except Exception as error:  # the driver's errors have no common base, and a diagnosis goes on
        return Finding(check, False, f"cannot be listed: {type(error).__name__}", "Check the user's rights.")
    if missing := [topic for topic in wanted if topic not in held]:
        return Finding(check, True, f"not there yet: {', '.join(missing)}", "Workers create them when they start.")
    return Finding(check, True, f"all {len(wanted)} are there")


async def _key(settings: Settings, check: str, needed: Sequence[str]) -> Finding:
    from docstore.clients.algolia import ping_algolia

    try:
        ping = await ping_algolia(settings)
    except DocstoreError as error:
        return Finding.of_error(check, error)
    if missing := [right for right in needed if right not in ping.detail]:
        hint = f"Give the key the right to {', '.join(missing)} in Algolia's dashboard."
        return Finding(check, False, f"{ping.address}, {ping.detail}", hint, ping.latency_ms)
    return Finding(check, True, f"{ping.address}, {ping.detail}", latency_ms=ping.latency_ms)
