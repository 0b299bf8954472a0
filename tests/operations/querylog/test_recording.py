"""The query log of a Store, on a real server."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import AutoReconnect

from docstore import Store, acting_as, transaction
from docstore.clients.command_events import CommandEvents, ObservedCommand
from docstore.models import Author, QueryLog, Tag
from docstore.operations.querylog import QueryRecorder
from docstore.settings import Settings


@pytest.fixture
def logging_settings(settings: Settings) -> Settings:
    return settings.with_urls(query_log=True, query_log_sample_rate=1, query_log_slow_ms=60_000)


@pytest_asyncio.fixture
async def raw(database: Any) -> AsyncIterator[Any]:
    """Another client's view on the same database, which drops it in the end."""
    yield database


async def _rows(raw: Any) -> list[dict[str, Any]]:
    return await raw.QueryLog.find({"params.collection": "Tag"}).sort("_id", 1).to_list()


async def test_queries_are_in_the_log_when_the_store_is_left(logging_settings: Settings, raw: Any) -> None:
    async with Store(logging_settings) as store:
        with acting_as("user:3", request_id="req-9"):
            await Tag(slug="kept").insert()
            await Tag.find(Tag.slug == "kept").sort("-createdAt").limit(3).to_list()
        assert store.query_log is not None
        counts = store.query_log.counts

    rows = await _rows(raw)
    assert counts.dropped == 0
    assert counts.written == await raw.QueryLog.count_documents({}) > 0
    found = next(row for row in rows if row["params"]["operation"] == "find" and row["params"].get("limit") == 3)
    assert found["query"] == (
        'find Tag {"filter": {"slug": "?str"}, "sort": {"createdAt": -1}, "living": true, "limited": true}'
    )
    assert (found["userId"], found["params"]["requestId"], found["params"]["returned"]) == ("user:3", "req-9", 1)
    assert found["duration"] > 0
    assert not any("kept" in str(row) for row in rows)


async def test_the_rows_are_documents_of_the_model(logging_settings: Settings, raw: Any) -> None:
    async with Store(logging_settings):
        await Tag.find(Tag.slug == "x").to_list()
    async with Store(logging_settings.with_urls(query_log=False)):
        rows = await QueryLog.find_all().to_list()

    assert rows
    assert all(row.timestamp is not None and row.params for row in rows)


async def test_shapes_are_explained_off_the_path_and_the_log_does_not_log_itself(
    logging_settings: Settings, raw: Any
) -> None:
    async with Store(logging_settings) as store:
        assert store.query_log is not None
        async with transaction():
            await Tag.find(Tag.slug == "x").to_list()
        await store.query_log.written()
        await Tag.find(Tag.slug == "y").to_list()

    finds = [row for row in await _rows(raw) if row["params"]["operation"] == "find"]
    assert [row["params"]["plan"] for row in finds] == ["COLLSCAN", "COLLSCAN"]
    assert finds[0]["params"]["shape"] == finds[1]["params"]["shape"]
    assert await raw.QueryLog.count_documents({"params.collection": "QueryLog"}) == 0
    assert await raw.QueryLog.count_documents({"query": {"$regex": "^explain"}}) == 0


async def test_slow_queries_are_logged_with_their_shape(
    logging_settings: Settings, raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "docstore.querylog")
    slow = logging_settings.with_urls(query_log_slow_ms=1, query_log_sample_rate=0)
    async with Store(slow):
        await raw.Tag.insert_many([{"slug": f"s{n}", "n": n} for n in range(3_000)])
        await Tag.find({"description": "no such secret"}).to_list()

    told = [record.getMessage() for record in caplog.records if "find Tag" in record.getMessage()]
    assert told
    assert 'find Tag {"filter": {"description": "?str"}, "living": true}' in told[0]
    assert "secret" not in caplog.text


async def test_off_means_off(settings: Settings, raw: Any) -> None:
    async with Store(settings) as store:
        await Tag.find(Tag.slug == "x").to_list()
        assert store.query_log is None

    assert await raw.QueryLog.count_documents({}) == 0


def _command(number: int) -> ObservedCommand:
    return ObservedCommand("find", "d", {"find": "c", "filter": {"k": number}}, 1.0, 0, False, False, None)


async def test_a_full_queue_drops_and_counts(database: Any) -> None:
    recorder = QueryRecorder(database, CommandEvents(sample_rate=1, slow_ms=100), queue=10, interval_s=60)
    async with recorder:
        for number in range(25):
            recorder.take(_command(number))

    assert (recorder.counts.written, recorder.counts.dropped) == (10, 15)
    assert await database.QueryLog.count_documents({}) == 10


class _Gone:
    """A double of a database that is away."""

    name = "d"

    def __getitem__(self, name: str) -> Any:
        return self

    def with_options(self, **options: Any) -> Any:
        return self

    async def command(self, *args: Any) -> Any:
        raise AutoReconnect("away")

    insert_many = command


async def test_a_database_that_is_away_costs_entries_and_no_errors() -> None:
    recorder = QueryRecorder(_Gone(), CommandEvents(sample_rate=1, slow_ms=100), interval_s=60)  # type: ignore[arg-type]
    async with recorder:
        recorder.take(_command(1))
        await recorder.written()
        recorder.take(_command(2))

    assert (recorder.counts.written, recorder.counts.dropped) == (0, 2)


async def test_a_cancelled_exit_ends_the_task_and_drops_what_is_left(database: Any) -> None:
    recorder = QueryRecorder(database, CommandEvents(sample_rate=1, slow_ms=100), interval_s=60)
    await recorder.__aenter__()
    stuck = asyncio.Event()

    async def never(commands: Any) -> None:
        stuck.set()
        await asyncio.Event().wait()

    recorder._flush = never  # type: ignore[method-assign]
    recorder.take(_command(1))
    waiting = asyncio.ensure_future(recorder.written())
    leaving = asyncio.ensure_future(recorder.__aexit__(None, None, None))
    await stuck.wait()
    leaving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await leaving
    await waiting
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "docstore-querylog"]


async def test_bulk_writes_do_not_wait_in_the_queue_with_their_documents(database: Any) -> None:
    recorder = QueryRecorder(database, CommandEvents(sample_rate=1, slow_ms=100), interval_s=60)
    big = [{"q": {"k": n}, "u": {"$set": {"v": n}}} for n in range(100)]
    for name, command in (
        ("insert", {"insert": "c", "documents": big}),
        ("update", {"update": "c", "updates": big}),
    ):
        recorder.take(ObservedCommand(name, "d", command, 1.0, 1, False, False, None))

    assert [len(str(each.command)) < 200 for each in recorder._queue] == [True, True]


async def test_entries_of_the_author_collection_name_no_value(logging_settings: Settings, raw: Any) -> None:
    async with Store(logging_settings):
        await Author(clerk_id="c-1", name="Unmistakable", email="unmistakable@example.com").insert()
        await Author.find(Author.email == "unmistakable@example.com").to_list()

    assert "nmistakable" not in str(await raw.QueryLog.find().to_list())
