"""Databases of tests, and how they go."""

from typing import Any

from pymongo import AsyncMongoClient


async def end_transactions(client: AsyncMongoClient[Any]) -> None:
    """Roll back what a killed process left open, as the server would of itself after a minute."""
    await client.admin.command("killAllSessions", [])


async def drop_database(client: AsyncMongoClient[Any], name: str) -> None:
    """Drop a database in which a killed process may have left an open transaction."""
    await end_transactions(client)
    await client.drop_database(name)
