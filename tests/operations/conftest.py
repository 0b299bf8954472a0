"""Servers that need not force anything to disk: dropping a seeded database takes a durable one many seconds."""

from collections.abc import AsyncIterator

import pytest_asyncio

from docstore.embedded import EmbeddedServers


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers() -> AsyncIterator[EmbeddedServers]:
    """All four local servers, in a temporary directory."""
    async with EmbeddedServers(durable=False) as running:
        yield running
