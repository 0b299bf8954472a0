"""Asking Algolia: a request sent again while no host can be reached, and tasks waited for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from docstore.clients._algolia_errors import StatusError, translated
from docstore.clients._algolia_handles import get_search_client, get_write_client, parsed_answer
from docstore.clients._algolia_names import IndexNames
from docstore.clients._algolia_tasks import wait_for_task
from docstore.clients._shared import with_retries
from docstore.errors import ServerUnavailable
from docstore.settings import Settings

if TYPE_CHECKING:
    from algoliasearch.search.client import SearchClient

Json = dict[str, Any]
Send = Callable[["SearchClient"], Awaitable[Any]]


class AlgoliaCalls:
    """Requests to one application.

    Args:
        settings: which.
        task_timeout_s: seconds a write waits until Algolia has published it.
    """

    def __init__(self, settings: Settings, task_timeout_s: float) -> None:
        self._settings = settings
        self._task_timeout_s = task_timeout_s
        self._unsettled: dict[str, int] = {}
        self.names = IndexNames(settings.index_prefix)

    async def read(self, what: str, send: Send, *, search_key: bool = False) -> Json:
        """Ask, and parse the answer.

        Args:
            what: what is tried, for messages.
            send: sends it on a client.
            search_key: with the key for searching, though there is one that may do more.
        """
        # Search keys seldom may browse or read settings; the write key may, where there is one.
        wide = self._settings.algolia_write_api_key is not None and not search_key
        return await self._ask(what, send, get_write_client if wide else get_search_client)

    async def read_or_none(self, what: str, send: Send) -> Json | None:
        """As `read`; None when what is asked about does not exist."""
        try:
            return await self.read(what, send)
        except StatusError as error:
            if error.status == 404:
                return None
            raise

    async def write(self, name: str, what: str, send: Send, *, wait: bool = True) -> None:
        """Change the index of a physical name, and wait until the change is published, or leave that to `settle`."""
        answer = await self._ask(what, send, get_write_client)
        # An index carries its tasks out in order, so the last one stands for all.
        self._unsettled[name] = max(self._unsettled.get(name, 0), int(answer["taskID"]))
        if wait:
            await self.settle(name)

    async def settle(self, name: str) -> None:
        """Wait until what was written to the index is published."""
        task = self._unsettled.get(name)
        if task is None:
            return
        await self._published(name, task)
        if self._unsettled.get(name) == task:
            del self._unsettled[name]

    async def _published(self, name: str, task_id: int) -> None:
        async def is_published() -> bool:
            answer = await self._ask(
                f"tell the state of a task of index {name!r}",
                lambda client: client.get_task_with_http_info(name, task_id),
                get_write_client,
            )
            return bool(answer["status"] == "published")

        await wait_for_task(is_published, name, self._task_timeout_s)

    async def _ask(self, what: str, send: Send, client: Callable[[Settings], SearchClient]) -> Json:
        handle = client(self._settings)

        async def attempt() -> Json:
            with translated(self._settings, what):
                return parsed_answer(await send(handle))

        return await with_retries(attempt, self._settings, on=(ServerUnavailable,))


async def send_json(client: SearchClient, path: str, body: str) -> Any:
    """POST a body that is JSON already, on the client's own transport: the driver would make it over and over."""
    from algoliasearch.http.verb import Verb

    options = client._request_options.merge(data=body)
    return await client._transporter.request(
        verb=Verb.POST, path=path, request_options=options, use_read_transporter=False
    )


async def in_steps(size: int, step: Callable[[int], Awaitable[Json | None]]) -> list[Json]:
    """The hits of all pages of an answer; nothing when there is no answer."""
    hits: list[Json] = []
    page = 0
    while True:
        answer = await step(page)
        if answer is None:
            return hits
        hits.extend(answer["hits"])
        page += 1
        if len(answer["hits"]) < size:
            return hits
