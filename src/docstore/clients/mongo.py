"""MongoDB: one shared `AsyncMongoClient`, and how to find out whether it reaches its server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from docstore.clients._mongo_options import connection_options, identity, masked_hosts
from docstore.clients._shared import SharedHandles, ping_ms, resolve, with_retries
from docstore.clients.protocols import Ping
from docstore.errors import DocstoreError, ServerUnavailable, ServiceError, SettingsError
from docstore.settings import Settings

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient
    from pymongo.asynchronous.database import AsyncDatabase

_CLOSE_LIMIT_S = 5.0
_AUTHENTICATION_FAILED = (18, 8000)

_clients: SharedHandles[AsyncMongoClient[dict[str, Any]]] = SharedHandles("get_mongo_client()")


def get_mongo_client(settings: Settings | None = None) -> AsyncMongoClient[dict[str, Any]]:
    """The shared client of this event loop: raw and unguarded, for migrations, backup and operations.

    It sees deleted documents and really deletes; models go through the guarded collection instead. It
    connects with its first command, so asking for it costs nothing and fails only on malformed settings.
    Writes are acknowledged by a majority and journaled; datetimes come back aware, in UTC; UUIDs are stored
    in standard form. Retries, pool and timeouts are the driver's, with the values of the connection string
    or else of the settings.

    Args:
        settings: those of the environment when None.

    Raises:
        SettingsError: there is no address, or the driver refuses it.
        DocstoreError: no event loop is running.
    """
    settings = resolve(settings)
    return _clients.get(identity(settings), lambda: _make(settings))


def get_database(settings: Settings | None = None) -> AsyncDatabase[dict[str, Any]]:
    """The deployment's database on the shared client: as raw and unguarded as `get_mongo_client`."""
    settings = resolve(settings)
    return get_mongo_client(settings)[settings.effective_database_name]


async def connect_mongo(settings: Settings | None = None) -> AsyncMongoClient[dict[str, Any]]:
    """The shared client, once its server answered.

    Tries ``connect_attempts`` times within ``connect_timeout_s`` seconds, with backoff and jitter.

    Raises:
        ServerUnavailable: it did not answer; names the host, the setting and what to check.
        ServiceError: it answered, and refused the login.
    """
    settings = resolve(settings)
    await with_retries(lambda: ping_mongo(settings), settings, on=(ServerUnavailable,))
    return get_mongo_client(settings)


async def ping_mongo(settings: Settings | None = None) -> Ping:
    """Ask the server once, waiting ``mongo_server_selection_timeout_ms`` at most for it to be found.

    Raises:
        ServerUnavailable: it does not answer.
        ServiceError: it answers, and refuses.
    """
    from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure

    settings = resolve(settings)
    client = get_mongo_client(settings)
    try:
        latency = await ping_ms(lambda: client.admin.command("ping"))
        version = (await client.server_info())["version"]
    except OperationFailure as error:
        raise _refused(settings, error.code) from error
    except (ConnectionFailure, ConfigurationError) as error:
        # ConfigurationError at this point is an SRV name that does not resolve.
        raise _unreachable(settings, error) from error
    return Ping("mongodb", masked_hosts(settings), latency, f"version {version}")


async def close_mongo_client(settings: Settings | None = None) -> None:
    """Close this event loop's shared client; nothing happens when there is none. Takes 5 s at most."""
    try:
        client = _clients.pop(identity(resolve(settings)))
    except SettingsError:
        return  # without an address there was never a client
    if client is not None:
        # Against a dead server the driver waits for an answer to its farewell.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_LIMIT_S):
                await client.close()


class MongoProbe:
    """`Probe` of the database server."""

    name = "mongodb"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings

    async def ping(self) -> Ping:
        """See `ping_mongo`."""
        return await ping_mongo(self._settings)


def _make(settings: Settings) -> AsyncMongoClient[dict[str, Any]]:
    from pymongo import AsyncMongoClient
    from pymongo.errors import PyMongoError

    try:
        if settings.query_log:
            return _make_observed(settings)
        return AsyncMongoClient(settings.mongo_uri.get_secret_value(), **connection_options(settings))
    except (PyMongoError, ValueError, TypeError) as error:
        reason = type(error).__name__
    # Outside the except block: the driver's message may quote parts of the connection string.
    raise SettingsError(
        f"{settings.mongo_variable} is refused by the MongoDB driver ({reason}).",
        hint="Check its options, and that user and password are percent-encoded.",
        field=settings.mongo_variable,
    )


def _make_observed(settings: Settings) -> AsyncMongoClient[dict[str, Any]]:
    from docstore.clients.command_events import CommandEvents, ObservedClient

    events = CommandEvents(sample_rate=settings.query_log_sample_rate, slow_ms=settings.query_log_slow_ms)
    return ObservedClient(settings.mongo_uri.get_secret_value(), events=events, **connection_options(settings))


def _unreachable(settings: Settings, error: Exception) -> ServerUnavailable:
    where = f"MongoDB at {masked_hosts(settings)} ({settings.mongo_variable})"
    return ServerUnavailable(
        f"{where} does not answer: {type(error).__name__}.",
        hint="Check that it runs (`docker compose up -d mongodb` or `docstore up`), that host and port are "
        "right, that the replica set has a primary, and that no firewall or IP allow-list stands between.",
        field=settings.mongo_variable,
    )


def _refused(settings: Settings, code: int | None) -> DocstoreError:
    where = f"MongoDB at {masked_hosts(settings)} ({settings.mongo_variable})"
    if code in _AUTHENTICATION_FAILED:
        return ServiceError(
            f"{where} refused the login.",
            hint="Check user, password (percent-encoded) and authSource in the connection string.",
            field=settings.mongo_variable,
        )
    return ServiceError(f"{where} refused a ping with error code {code}.", hint="Check the user's roles.")
