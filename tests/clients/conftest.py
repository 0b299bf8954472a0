"""Both kinds of Redis, and addresses where nothing listens."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from docstore.embedded import EmbeddedServers
from docstore.settings import Settings

NOTHING_LISTENS = "127.0.0.1:1"


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["fake", "server"])
async def redis_settings(request: pytest.FixtureRequest) -> AsyncIterator[Settings]:
    """Settings of a Redis: the one in Python, and the real one where it is installed."""
    if request.param == "server" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not on PATH")
    async with EmbeddedServers(services=("redis",), redis=request.param) as servers:
        yield Settings().with_urls(**servers.settings_overrides())


@pytest.fixture
def dead() -> Settings:
    """Settings that lead nowhere, and find out quickly."""
    return Settings(
        db_method="LOCAL",
        database_url_local=f"mongodb://user:s3cr3t@{NOTHING_LISTENS}/?directConnection=true",
        redis_url=f"redis://:s3cr3t@{NOTHING_LISTENS}/0",
        kafka_service_uri=NOTHING_LISTENS,
        mongo_server_selection_timeout_ms=200,
        connect_attempts=2,
        connect_timeout_s=2,
        redis_timeout_s=1,
        kafka_request_timeout_s=1,
    )
