"""Databases of tests, and how they go."""

from typing import Any

from pymongo import AsyncMongoClient


async def drop_database(client: AsyncMongoClient[Any], name: str) -> None:
    """Drop a database in which a killed process may have left an open transaction."""
    await client.admin.command("killAllSessions", [])
    await client.drop_database(name)
