"""Fixtures for the embedded servers: what they need is Python, and `redis-server` where it is on PATH."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from pymongo import AsyncMongoClient


@pytest.fixture
def redis_server() -> str:
    """Return the path of `redis-server`, or skip the test on a machine without it."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not on PATH")
    return binary


@pytest.fixture
def mongo_client() -> Callable[[str], AbstractAsyncContextManager[AsyncMongoClient[dict[str, Any]]]]:
    """Return a context manager that opens a client with short timeouts and closes it."""

    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url, serverSelectionTimeoutMS=3000)
        try:
            yield client
        finally:
            await client.close()

    return opened
