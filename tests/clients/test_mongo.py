"""The MongoDB client against a running server, and against none."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from docstore.clients import (
    MongoProbe,
    Probe,
    close_mongo_client,
    connect_mongo,
    get_database,
    get_mongo_client,
    ping_mongo,
)
from docstore.clients._mongo_options import connection_options
from docstore.errors import ServerUnavailable, ServiceError, SettingsError
from docstore.settings import Settings


@pytest.fixture
async def mongo(settings: Settings) -> AsyncIterator[Settings]:
    yield settings
    await close_mongo_client(settings)


async def test_everybody_gets_the_same_client(mongo: Settings) -> None:
    async def take() -> object:
        return get_mongo_client(mongo)

    clients = await asyncio.gather(*(take() for _ in range(20)))
    assert len({id(client) for client in clients}) == 1


async def test_settings_that_connect_differently_get_another(mongo: Settings) -> None:
    other = mongo.with_urls(mongo_max_pool_size=3)
    assert get_mongo_client(mongo.with_urls(database_name="other")) is get_mongo_client(mongo)
    assert get_mongo_client(other) is not get_mongo_client(mongo)
    await close_mongo_client(other)


async def test_the_database_is_that_of_the_deployment(mongo: Settings) -> None:
    branch = mongo.with_urls(db_method="BRANCH", database_branch="b1", database_name="shop")
    assert get_database(mongo).name == mongo.database_name
    assert get_database(branch).name == "shop__b1"


async def test_values_come_back_aware_and_in_standard_form(mongo: Settings) -> None:
    collection = get_database(mongo)[f"values_{uuid4().hex}"]
    identifier, moment = uuid4(), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    await collection.insert_one({"_id": 1, "identifier": identifier, "moment": moment})
    found = await collection.find_one({"_id": 1})
    assert found == {"_id": 1, "identifier": identifier, "moment": moment}
    assert found["moment"].tzinfo is UTC
    await collection.drop()


async def test_writes_are_acknowledged_by_a_majority_and_journaled(mongo: Settings) -> None:
    assert get_database(mongo).write_concern.document == {"w": "majority", "j": True}


async def test_a_ping_tells_where_and_how_fast(mongo: Settings) -> None:
    assert isinstance(MongoProbe(mongo), Probe)
    ping = await MongoProbe(mongo).ping()
    assert ping.server == "mongodb"
    assert ping.address in mongo.mongo_uri.get_secret_value()
    assert 0 < ping.latency_ms < 5_000
    assert ping.detail.startswith("version ")


async def test_connecting_gives_the_shared_client(mongo: Settings) -> None:
    assert await connect_mongo(mongo) is get_mongo_client(mongo)


async def test_after_closing_a_new_client_is_made(mongo: Settings) -> None:
    first = await connect_mongo(mongo)
    await close_mongo_client(mongo)
    await close_mongo_client(mongo)
    second = await connect_mongo(mongo)
    assert second is not first


async def test_closing_what_was_never_configured_is_fine() -> None:
    await close_mongo_client(Settings(db_method="EMBEDDED"))


def test_options_of_the_url_win_except_for_what_is_insisted_on() -> None:
    url = "mongodb://h/?maxPoolSize=7&appName=mine&readPreference=nearest&w=1"
    settings = Settings(db_method="LOCAL", database_url_local=url, mongo_connect_timeout_ms=77)
    options = connection_options(settings)
    assert not {"maxPoolSize", "appname", "readPreference"} & options.keys()
    assert (options["w"], options["journal"], options["connectTimeoutMS"]) == ("majority", True, 77)


async def test_a_dead_server_is_told_with_host_setting_and_what_to_check(dead: Settings) -> None:
    with pytest.raises(ServerUnavailable) as caught:
        await connect_mongo(dead)
    message = str(caught.value)
    assert "127.0.0.1:1 (DATABASE_URL_LOCAL)" in message
    assert "Check that it runs" in message
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
    start = time.perf_counter()
    await close_mongo_client(dead)
    assert time.perf_counter() - start < 6


async def test_a_ping_does_not_retry(dead: Settings) -> None:
    patient = dead.with_urls(connect_attempts=100, connect_timeout_s=100)
    start = time.perf_counter()
    with pytest.raises(ServerUnavailable):
        await ping_mongo(patient)
    assert time.perf_counter() - start < 10
    await close_mongo_client(patient)


async def test_a_refused_login_is_not_a_dead_server_and_not_retried(mongo: Settings) -> None:
    address = (await ping_mongo(mongo)).address
    stranger = mongo.with_urls(
        database_url_local=f"mongodb://nobody:s3cr3t@{address}/?directConnection=true", connect_attempts=50
    )
    with pytest.raises(ServiceError, match=r"refused the login.*authSource") as caught:
        await connect_mongo(stranger)
    assert "s3cr3t" not in str(caught.value)
    await close_mongo_client(stranger)


async def test_what_the_driver_refuses_is_a_settings_error_without_the_value() -> None:
    url = "mongodb://u:s3cr3t@h/?authMechanism=MONGODB-X509"
    settings = Settings(db_method="LOCAL", database_url_local=url)
    with pytest.raises(SettingsError, match="DATABASE_URL_LOCAL is refused by the MongoDB driver") as caught:
        get_mongo_client(settings)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
