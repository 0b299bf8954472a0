"""Motor, for callers with code written for it. Deprecated upstream; nothing of docstore runs on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from docstore.clients._mongo_options import connection_options, identity
from docstore.clients._shared import SharedHandles, resolve
from docstore.errors import MissingExtra, SettingsError
from docstore.settings import Settings

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClient

_clients: SharedHandles[AsyncIOMotorClient[dict[str, Any]]] = SharedHandles("get_motor_client()")


def get_motor_client(settings: Settings | None = None) -> AsyncIOMotorClient[dict[str, Any]]:
    """This event loop's shared Motor client, on the same settings as `get_mongo_client` and as unguarded.

    Raises:
        MissingExtra: the extra ``motor`` is not installed.
        SettingsError: there is no address.
        DocstoreError: no event loop is running.
    """
    settings = resolve(settings)
    return _clients.get(identity(settings), lambda: _make(settings))


async def close_motor_client(settings: Settings | None = None) -> None:
    """Close this event loop's Motor client; nothing happens when there is none."""
    try:
        client = _clients.pop(identity(resolve(settings)))
    except SettingsError:
        return  # without an address there was never a client
    if client is not None:
        # Motor closes in the calling thread, and joins its monitors there.
        await asyncio.to_thread(client.close)


def _make(settings: Settings) -> Any:
    try:
        from motor.motor_asyncio import AsyncIOMotorClient
    except ImportError as error:
        raise MissingExtra("motor", "get_motor_client()") from error
    return AsyncIOMotorClient(
        settings.mongo_uri.get_secret_value(),
        io_loop=asyncio.get_running_loop(),
        **connection_options(settings),
    )
