"""Algolia's shared clients: one for searching and one for writing, and a ping."""

from __future__ import annotations

import json
import time
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from docstore.clients._algolia_errors import address, translated
from docstore.clients._shared import SharedHandles, elapsed_ms, resolve
from docstore.clients.protocols import Ping
from docstore.errors import SettingsError
from docstore.settings import Settings

if TYPE_CHECKING:
    from algoliasearch.search.client import SearchClient

_clients: SharedHandles[SearchClient] = SharedHandles("get_search_client()")


def get_search_client(settings: Settings | None = None) -> SearchClient:
    """The shared client of this event loop with the search key, or the write key where there is no other.

    It is the driver's own client: its errors are the driver's. Its transport revives hosts that failed, goes
    on to the next host when one refuses the connection, and uses no proxy for local hosts.

    Args:
        settings: those of the environment when None.

    Raises:
        SettingsError: Algolia is not configured.
        DocstoreError: no event loop is running.
    """
    settings = resolve(settings)
    return _client(settings, settings.algolia_search_api_key or settings.algolia_write_api_key)


def get_write_client(settings: Settings | None = None) -> SearchClient:
    """The shared client of this event loop with the write key; see `get_search_client`.

    Raises:
        SettingsError: Algolia is not configured, or only for searching.
        DocstoreError: no event loop is running.
    """
    settings = resolve(settings)
    return _client(settings, settings.algolia_write_api_key)


async def close_search_clients(settings: Settings | None = None) -> None:
    """Close this event loop's shared clients; nothing happens when there are none."""
    settings = resolve(settings)
    for key in {settings.algolia_search_api_key, settings.algolia_write_api_key}:
        client = _clients.pop(_identity(settings, key))
        if client is not None:
            await client.close()


async def ping_algolia(settings: Settings | None = None) -> Ping:
    """Ask what the key may do, which checks host, application and key at once.

    Raises:
        SettingsError: Algolia is not configured.
        ServerUnavailable: it does not answer.
        ServiceError: it answers, and refuses the key.
    """
    settings = resolve(settings)
    key = settings.algolia_write_api_key or settings.algolia_search_api_key
    client = _client(settings, key)
    assert key is not None
    with translated(settings, "tell what its API key may do"):
        start = time.perf_counter()
        answer = await client.get_api_key_with_http_info(key.get_secret_value())
        rights = parsed_answer(answer).get("acl", [])
    return Ping("algolia", address(settings), elapsed_ms(start), f"key may {', '.join(sorted(rights))}")


def _client(settings: Settings, key: SecretStr | None) -> SearchClient:
    app_id = settings.algolia_app_id
    if not app_id or key is None:
        missing = "ALGOLIA_WRITE_API_KEY" if app_id else "ALGOLIA_APP_ID"
        raise SettingsError(
            f"Algolia is not configured for this: {missing} is not set.",
            hint=f"Example: {missing}={'the-write-key' if app_id else 'A1B2C3D4E5'}",
            field=missing,
        )
    secret = key.get_secret_value()

    def make() -> SearchClient:
        from docstore.clients._algolia_transport import make_client

        return make_client(app_id, secret, settings.algolia_host_urls)

    return _clients.get(_identity(settings, key), make)


def _identity(settings: Settings, key: SecretStr | None) -> Hashable:
    return (settings.algolia_app_id, key, settings.algolia_hosts)


def parsed_answer(answer: Any) -> dict[str, Any]:
    """The JSON object of an answer that the driver did not make into its own classes.

    Raises:
        ValueError, TypeError: it is none.
    """
    parsed: Any = json.loads(answer.raw_data)
    if not isinstance(parsed, dict):
        raise TypeError(type(parsed).__name__)
    return parsed
