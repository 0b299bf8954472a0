"""The Algolia clients and adapter on a real server that can be told to fail."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import math
import time
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128, ObjectId

from docstore.clients.algolia import (
    AlgoliaIndex,
    close_search_clients,
    get_search_client,
    get_write_client,
    ping_algolia,
)
from docstore.clients.protocols import Probe, SearchIndex
from docstore.embedded.algolia import LocalAlgolia
from docstore.errors import (
    DocstoreError,
    OperationTimeout,
    ServerUnavailable,
    ServiceError,
    SettingsError,
    ValidationFailed,
)
from docstore.settings import Settings


@pytest.fixture
async def server() -> AsyncIterator[LocalAlgolia]:
    async with LocalAlgolia(allow_faults=True) as server:
        yield server


def settings_for(server: LocalAlgolia, **fields: Any) -> Settings:
    given: dict[str, Any] = {
        "algolia_app_id": "docstore-local",
        "algolia_write_api_key": "local-write-key",
        "algolia_search_api_key": "local-search-key",
        "algolia_hosts": server.url,
        "connect_attempts": 3,
        "connect_timeout_s": 5,
    }
    return Settings(**given | fields)


@pytest.fixture
async def settings(server: LocalAlgolia) -> AsyncIterator[Settings]:
    settings = settings_for(server, algolia_index_prefix="test_")
    yield settings
    await close_search_clients(settings)


@pytest.fixture
def index(settings: Settings) -> AlgoliaIndex:
    return AlgoliaIndex(settings)


def fail(server: LocalAlgolia, **fault: Any) -> None:
    assert server.faults is not None
    server.faults.add(fault)


async def everything(index: AlgoliaIndex, name: str) -> list[dict[str, Any]]:
    return [record async for record in index.browse(name)]


def test_it_is_what_services_ask_for(index: AlgoliaIndex) -> None:
    assert isinstance(index, SearchIndex)
    assert isinstance(index, Probe)


async def test_a_round_trip_through_every_method(index: AlgoliaIndex, server: LocalAlgolia) -> None:
    assert not await index.exists("posts")
    assert await index.count("posts") == 0
    assert await everything(index, "posts") == []
    assert await index.get_object("posts", "1") is None
    await index.set_settings("posts", {"attributesForFaceting": ["kind"], "replicas": ["posts_asc", "virtual(v)"]})
    await index.save_objects("posts", [{"objectID": str(n), "n": n, "kind": "ab"[n % 2]} for n in range(5)])
    await index.partial_update("posts", "1", {"title": "Hello"})
    await index.partial_update("posts", "8", {"title": "no"})
    await index.partial_update("posts", "9", {"title": "yes"}, create_if_missing=True)
    await index.delete_objects("posts", ["0", "absent"])
    page = await index.search("posts", "hel", filters="kind:b", facets=["kind"], hits_per_page=1)
    assert (page.total, page.page, page.pages, page.facets) == (1, 0, 1, {"kind": {"b": 1}})
    assert page.hits[0]["n"] == 1
    assert await index.get_object("posts", "9") == {"objectID": "9", "title": "yes"}
    assert await index.count("posts") == 5
    assert sorted(server.catalog.indexes) == ["test_posts", "test_posts_asc", "test_v"]
    assert (await index.get_settings("posts"))["replicas"] == ["posts_asc", "virtual(v)"]
    assert (await index.get_settings("posts_asc"))["primary"] == "posts"
    assert await index.count("posts_asc") == 5


async def test_settings_read_can_be_written_back(index: AlgoliaIndex) -> None:
    await index.set_settings("a", {"replicas": ["b"], "hitsPerPage": 3})
    for name in ("a", "b"):
        held = await index.get_settings(name)
        await index.set_settings(name, held)
        assert await index.get_settings(name) == held


async def test_browse_reaches_beyond_one_page(index: AlgoliaIndex) -> None:
    await index.save_objects("posts", [{"objectID": str(n)} for n in range(2_050)])
    assert len({record["objectID"] for record in await everything(index, "posts")}) == 2_050


class Colour(enum.StrEnum):
    RED = "red"


async def test_values_that_json_does_not_know(index: AlgoliaIndex) -> None:
    some_id, some_uuid = ObjectId(), uuid.uuid4()
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    record: dict[str, Any] = {
        "objectID": some_id,
        "at": at,
        "naive": dt.datetime(2026, 1, 2),
        "day": dt.date(2026, 1, 2),
        "uuid": some_uuid,
        "set": {"b", "a"},
        "tuple": (1, None, True),
        "decimal": Decimal("1.5"),
        "decimal128": Decimal128("2.5"),
        "colour": Colour.RED,
        "nested": {"ids": [some_id]},
    }
    await index.save_objects("posts", [record])
    assert await index.get_object("posts", str(some_id)) == {
        "objectID": str(some_id),
        "at": "2026-01-02T01:04:05.678Z",
        "naive": "2026-01-02T00:00:00.000Z",
        "day": "2026-01-02",
        "uuid": str(some_uuid),
        "set": ["a", "b"],
        "tuple": [1, None, True],
        "decimal": 1.5,
        "decimal128": 2.5,
        "colour": "red",
        "nested": {"ids": [str(some_id)]},
    }


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({}, "objectID"),
        ({"objectID": ""}, "objectID"),
        ({"objectID": None}, "objectID"),
        ({"objectID": True}, "objectID"),
        ({"objectID": "1", "n": math.nan}, "n"),
        ({"objectID": "1", "a": {"b": [1, math.inf]}}, "a.b[1]"),
        ({"objectID": "1", "n": Decimal("NaN")}, "n"),
        ({"objectID": "1", "n": Decimal128("Infinity")}, "n"),
        ({"objectID": "1", "raw": b"s3cr3t"}, "raw"),
        ({"objectID": "1", "any": object()}, "any"),
        ({"objectID": "1", "half": "\ud800"}, "half"),
        ({"objectID": "1", "keys": {1: 2}}, "keys.<key>"),
    ],
)
async def test_a_bad_record_is_refused_before_anything_is_sent(
    index: AlgoliaIndex, record: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationFailed, match="posts") as refused:
        await index.save_objects("posts", [{"objectID": "good"}, record])
    assert refused.value.field == field
    assert "s3cr3t" not in str(refused.value)
    assert not await index.exists("posts")


@pytest.mark.parametrize("object_id", ["", "half \ud800", None])
async def test_an_object_id_that_no_request_can_carry_is_refused(index: AlgoliaIndex, object_id: Any) -> None:
    for call in (
        index.get_object("posts", object_id),
        index.get_objects("posts", [object_id]),
        index.delete_objects("posts", [object_id]),
        index.partial_update("posts", object_id, {"n": 1}),
        index.partial_update_many("posts", {object_id: {"n": 1}}),
    ):
        with pytest.raises(ValidationFailed, match="posts"):
            await call


async def test_only_operations_that_may_be_repeated(index: AlgoliaIndex) -> None:
    await index.save_objects("posts", [{"objectID": "1", "n": 1}])
    for operation in ("Increment", "Decrement", "Add"):
        with pytest.raises(ValidationFailed, match="applied twice"):
            await index.partial_update("posts", "1", {"n": {"_operation": operation, "value": 1}})
    await index.partial_update("posts", "1", {"n": {"_operation": "IncrementFrom", "value": 1}})
    assert await index.get_object("posts", "1") == {"objectID": "1", "n": 2}
    with pytest.raises(ValidationFailed):
        await index.delete_objects("posts", [""])


async def test_large_saves_go_in_batches_by_count_and_bytes(index: AlgoliaIndex, server: LocalAlgolia) -> None:
    tasks = server.catalog.tasks
    await index.save_objects("count", [{"objectID": str(n)} for n in range(2_001)])
    assert tasks.last == 3
    # Each takes 94 kB on the wire: far fewer than a thousand, yet more than one request may carry.
    await index.save_objects("bytes", [{"objectID": str(n), "t": "ü" * 47_000} for n in range(110)])
    assert tasks.last == 5
    assert await index.count("bytes") == 110


@pytest.mark.parametrize("status", [500, 503])
async def test_a_5xx_is_repeated_and_does_not_take_the_host_out(
    index: AlgoliaIndex, server: LocalAlgolia, status: int
) -> None:
    for _ in range(4):
        fail(server, status=status, count=2)
        await index.save_objects("posts", [{"objectID": "1", "t": "x" * 90_000}])
    assert await index.count("posts") == 1


async def test_a_server_that_keeps_failing_is_unavailable_until_it_recovers(
    index: AlgoliaIndex, server: LocalAlgolia
) -> None:
    fail(server, status=500)
    with pytest.raises(ServerUnavailable, match="ALGOLIA_HOSTS"):
        await index.count("posts")
    assert server.faults is not None
    server.faults.clear()
    assert await index.count("posts") == 0


async def test_a_write_whose_answer_was_lost_is_repeated(index: AlgoliaIndex, server: LocalAlgolia) -> None:
    fail(server, status=503, after=True, path="batch", count=1)
    fail(server, refuse=True, after=True, path="batch", count=1)
    await index.save_objects("posts", [{"objectID": "1"}])
    assert await everything(index, "posts") == [{"objectID": "1"}]


async def test_429_waits_as_long_as_it_is_told(index: AlgoliaIndex, server: LocalAlgolia) -> None:
    fail(server, status=429, retry_after=1, count=1)
    started = time.monotonic()
    await index.save_objects("posts", [{"objectID": "1"}])
    assert 0.9 < time.monotonic() - started < 4


async def test_429_without_end_passes_like_a_server_that_is_away(index: AlgoliaIndex, server: LocalAlgolia) -> None:
    get_write_client(index._settings)._config.max_rate_limit_retries = 0
    fail(server, status=429, message="Too many requests")
    with pytest.raises(ServerUnavailable, match="429") as refused:
        await index.save_objects("posts", [{"objectID": "1"}])
    assert "send less" in str(refused.value)


async def test_a_slow_answer_is_a_timeout_whose_outcome_is_unknown(
    index: AlgoliaIndex, server: LocalAlgolia, settings: Settings
) -> None:
    get_write_client(settings)._config.write_timeout = 100
    fail(server, delay=3, path="batch")
    with pytest.raises(OperationTimeout, match="may have been carried out"):
        await index.save_objects("posts", [{"objectID": "1"}])


async def test_refused_connections_are_retried_then_told(server: LocalAlgolia) -> None:
    settings = settings_for(server, connect_attempts=2)
    await server.stop()
    try:
        started = time.monotonic()
        with pytest.raises(ServerUnavailable) as refused:
            await AlgoliaIndex(settings).count("posts")
        assert time.monotonic() - started < 5
    finally:
        await close_search_clients(settings)
    message = str(refused.value)
    assert server.url in message
    assert "ALGOLIA_HOSTS" in message
    assert "local-write-key" not in message


async def test_the_next_host_is_tried_when_one_refuses(server: LocalAlgolia) -> None:
    settings = settings_for(server, algolia_hosts=f"http://127.0.0.1:1,{server.url}", connect_attempts=1)
    try:
        index = AlgoliaIndex(settings)
        for n in range(3):
            await index.save_objects("posts", [{"objectID": str(n)}])
        assert await index.count("posts") == 3
    finally:
        await close_search_clients(settings)


async def test_a_server_that_comes_back_is_found_while_retrying(server: LocalAlgolia) -> None:
    settings = settings_for(server, connect_attempts=20, connect_timeout_s=10)
    index = AlgoliaIndex(settings)
    await server.stop()
    waiting = asyncio.create_task(index.save_objects("posts", [{"objectID": "1"}]))
    await asyncio.sleep(0.2)
    async with LocalAlgolia(port=server.port):
        await waiting
        assert await index.count("posts") == 1
        await close_search_clients(settings)


async def test_proxies_are_not_used_for_local_hosts(server: LocalAlgolia, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    settings = settings_for(server, connect_attempts=1)
    try:
        await AlgoliaIndex(settings).save_objects("posts", [{"objectID": "1"}])
    finally:
        await close_search_clients(settings)


@pytest.mark.parametrize("fields", [{"algolia_write_api_key": "s3cr3t-wrong"}, {"algolia_app_id": "other"}])
async def test_a_wrong_key_names_the_setting_and_not_the_key(server: LocalAlgolia, fields: dict[str, str]) -> None:
    settings = settings_for(server, **fields)
    try:
        for attempt in (AlgoliaIndex(settings).save_objects("posts", [{"objectID": "1"}]), ping_algolia(settings)):
            with pytest.raises(ServiceError, match="ALGOLIA_WRITE_API_KEY") as refused:
                await attempt
            assert "403" in str(refused.value)
            assert "s3cr3t" not in str(refused.value)
    finally:
        await close_search_clients(settings)


async def test_a_filter_that_cannot_be_read_is_refused_with_the_index(index: AlgoliaIndex) -> None:
    await index.save_objects("posts", [{"objectID": "1"}])
    with pytest.raises(ServiceError, match=r"'test_posts'.*filters: Unexpected"):
        await index.search("posts", filters="a:1 AND")
    with pytest.raises(ServiceError, match=r"test_none.*does not exist"):
        await index.search("none")


async def test_waiting_for_a_task_ends() -> None:
    async with LocalAlgolia(task_delay=0.3) as server:
        settings = settings_for(server)
        started = time.monotonic()
        await AlgoliaIndex(settings).save_objects("posts", [{"objectID": "1"}])
        assert time.monotonic() - started >= 0.3
        await close_search_clients(settings)
    async with LocalAlgolia(task_delay=600) as server:
        settings = settings_for(server)
        with pytest.raises(OperationTimeout, match=r"'posts'.*within 0\.1 s"):
            await AlgoliaIndex(settings, task_timeout_s=0.1).save_objects("posts", [{"objectID": "1"}])
        await close_search_clients(settings)


async def test_ping_tells_address_time_and_rights(index: AlgoliaIndex, server: LocalAlgolia) -> None:
    ping = await index.ping()
    assert (ping.server, ping.address) == ("algolia", server.url)
    assert 0 < ping.latency_ms < 5_000
    assert "addObject" in ping.detail


async def test_clients_are_shared_and_made_anew_after_closing(settings: Settings) -> None:
    writer = get_write_client(settings)
    assert get_write_client(settings) is writer
    assert get_search_client(settings) is not writer
    await close_search_clients(settings)
    await close_search_clients(settings)
    assert get_write_client(settings) is not writer


async def test_the_write_key_serves_where_there_is_no_search_key(server: LocalAlgolia) -> None:
    settings = settings_for(server, algolia_search_api_key=None)
    try:
        assert get_search_client(settings) is get_write_client(settings)
    finally:
        await close_search_clients(settings)


async def test_what_is_not_configured_is_named() -> None:
    with pytest.raises(SettingsError, match="ALGOLIA_APP_ID"):
        get_search_client(Settings())
    with pytest.raises(SettingsError, match="ALGOLIA_WRITE_API_KEY"):
        get_write_client(Settings(algolia_app_id="a", algolia_search_api_key="b"))


def test_outside_an_event_loop_it_says_so() -> None:
    with pytest.raises(DocstoreError, match="event loop"):
        get_write_client(Settings(algolia_app_id="a", algolia_write_api_key="b"))
