"""The listening client on a real server: what it tells, and what it keeps quiet about."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from docstore.clients import get_mongo_client
from docstore.clients.command_events import CommandEvents, ObservedClient, ObservedCommand, can_sample, unobserved
from docstore.context import acting_as
from docstore.settings import Settings


@pytest_asyncio.fixture
async def listening(settings: Settings) -> AsyncIterator[Any]:
    """A factory of clients that listen on the test's own database, each with what it was told."""
    clients: list[ObservedClient] = []
    name = settings.effective_database_name

    def make(**options: Any) -> tuple[ObservedClient, Any, list[ObservedCommand]]:
        events = CommandEvents(seed=1, **options)
        client = ObservedClient(settings.mongo_uri.get_secret_value(), events=events, tz_aware=True)
        clients.append(client)
        told: list[ObservedCommand] = []
        events.attach(name, told.append)
        return client, client[name], told

    yield make
    await clients[0].drop_database(name)
    for client in clients:
        await client.close()


def test_the_installed_driver_has_the_insides_that_sampling_needs() -> None:
    assert can_sample()


async def test_every_command_is_told_at_a_rate_of_one(listening: Any) -> None:
    _, database, told = listening(sample_rate=1, slow_ms=10_000)

    with acting_as("user:7", request_id="r-1"):
        await database.c.insert_many([{"_id": n, "k": n} for n in range(5)])
        await database.c.find({"k": {"$gt": 1}}).to_list()
        await database.c.update_many({"k": 1}, {"$set": {"k": 2}})
        with pytest.raises(Exception, match="nonsense"):
            await database.command("nonsense")

    assert [(each.name, each.returned, each.failed) for each in told] == [
        ("insert", 5, False),
        ("find", 3, False),
        ("update", 1, False),
        ("nonsense", None, True),
    ]
    assert all(each.actor and (each.actor.name, each.actor.request_id) == ("user:7", "r-1") for each in told)
    assert all(each.duration_ms > 0 and not each.slow for each in told)


@pytest.mark.parametrize("rate", [0.05, 0.3])
async def test_a_share_is_told_at_a_lower_rate(listening: Any, rate: float) -> None:
    _, database, told = listening(sample_rate=rate, slow_ms=10_000)
    asked = 600

    async def some() -> None:
        for _ in range(asked // 4):
            await database.c.find_one({"_id": 1})

    await asyncio.gather(*(some() for _ in range(4)))

    assert asked * rate * 0.5 < len(told) < asked * rate * 1.8


async def test_a_slow_command_is_told_whatever_the_rate(listening: Any) -> None:
    _, database, told = listening(sample_rate=0, slow_ms=0.001)

    with acting_as("user:7"):
        await database.c.insert_one({"_id": 1, "k": "v"})
        await database.c.find_one({"k": "v"})
        with pytest.raises(Exception, match="unknown operator"):
            await database.c.find_one({"k": {"$nope": 1}})

    assert [(each.name, each.slow, each.failed) for each in told] == [
        ("insert", True, False),
        ("find", True, False),
        ("find", True, True),
    ]
    assert told[1].command["filter"] == {"k": "v"}
    assert told[1].actor is not None


async def test_quick_commands_are_not_told_at_a_rate_of_zero(listening: Any) -> None:
    _, database, told = listening(sample_rate=0, slow_ms=10_000)

    await database.c.find_one({"k": "v"})

    assert told == []


async def test_other_databases_and_tasks_that_ask_for_it_are_not_told(listening: Any, settings: Settings) -> None:
    client, database, told = listening(sample_rate=1, slow_ms=0.001)

    await client["another"].c.find_one({})
    unobserved.set(True)
    await database.c.find_one({})

    assert told == []


async def test_after_detaching_nothing_is_told(listening: Any) -> None:
    client, database, told = listening(sample_rate=1, slow_ms=10_000)
    other: list[ObservedCommand] = []

    client.command_events.detach(database.name, other.append)
    await database.c.find_one({})
    client.command_events.detach(database.name, told.append)
    await database.c.find_one({})

    assert len(told) == 1


async def test_a_driver_with_other_insides_is_listened_to_all_the_same(
    listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docstore.clients.command_events.can_sample", lambda: False)
    monkeypatch.setattr(random.Random, "random", lambda self: 0.5)
    _, database, told = listening(sample_rate=0.6, slow_ms=10_000)
    _, rarely, nothing = listening(sample_rate=0.4, slow_ms=10_000)
    _, slowly, slow = listening(sample_rate=0, slow_ms=0.001)

    for each in (database, rarely, slowly):
        await each.c.find_one({"k": 1})

    assert [(each.name, each.slow) for each in told + nothing + slow] == [("find", False), ("find", True)]


async def test_the_shared_client_listens_only_when_the_setting_is_on(settings: Settings) -> None:
    quiet = get_mongo_client(settings)
    loud = get_mongo_client(settings.with_urls(query_log=True))

    assert not isinstance(quiet, ObservedClient)
    assert isinstance(loud, ObservedClient)
    assert loud.command_events.sample_rate == 0.02
    await quiet.close()
    await loud.close()
