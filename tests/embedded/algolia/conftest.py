"""The search server as a process of its own, one for the run, and the official client on it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.search.client import SearchClient
from algoliasearch.search.config import SearchConfig

Fill = Callable[..., Any]


@contextmanager
def running_server(*arguments: str) -> Iterator[int]:
    """Start the server as a user would and yield its port; it ends when its stdin does."""
    command = [sys.executable, "-m", "docstore.embedded.algolia", "--exit-on-stdin-eof", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(json.loads(process.stdout.readline())["port"])
        finally:
            process.stdin.close()
            process.wait(timeout=20)


def make_client(port: int, key: str = "local-write-key", app_id: str = "docstore-local") -> SearchClient:
    """The official client, as its documentation makes it."""
    config = SearchConfig(app_id, key)
    config.hosts = HostsCollection([Host("127.0.0.1", scheme="http", port=port)])
    config.proxies = {}
    return SearchClient.create_with_config(config)


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    with running_server() as port:
        yield port


@pytest.fixture
async def client(port: int) -> AsyncIterator[SearchClient]:
    async with make_client(port) as client:
        yield client


@pytest.fixture
async def reader(port: int) -> AsyncIterator[SearchClient]:
    """A client with the search key."""
    async with make_client(port, "local-search-key") as client:
        yield client


@pytest.fixture
def index() -> str:
    """A name that no other test uses."""
    return f"index-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def fill(client: SearchClient, index: str) -> Fill:
    """Write records, and settings where given, to the test's index."""

    async def fill(*records: dict[str, Any], **settings: Any) -> None:
        if settings:
            await client.set_settings(index, settings)
        await client.save_objects(index, list(records), wait_for_tasks=True)

    return fill
