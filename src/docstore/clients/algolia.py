"""Algolia: the shared clients' names, and `AlgoliaIndex`, the adapter for services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from docstore.clients._algolia_errors import StatusError, translated
from docstore.clients._algolia_handles import (
    close_search_clients,
    get_search_client,
    get_write_client,
    parsed_answer,
    ping_algolia,
)
from docstore.clients._algolia_names import IndexNames
from docstore.clients._algolia_records import (
    batches,
    check_ids,
    check_repeatable,
    encode_attributes,
    encode_record,
)
from docstore.clients._algolia_tasks import wait_for_task
from docstore.clients._shared import resolve, with_retries
from docstore.clients.protocols import Ping, SearchPage
from docstore.errors import ServerUnavailable
from docstore.settings import Settings

if TYPE_CHECKING:
    from algoliasearch.search.client import SearchClient

__all__ = ["AlgoliaIndex", "close_search_clients", "get_search_client", "get_write_client", "ping_algolia"]

Json = dict[str, Any]
Send = Callable[["SearchClient"], Awaitable[Any]]

_BROWSE_PAGE = 1_000


class AlgoliaIndex:
    """`SearchIndex` and `Probe` on Algolia.

    Requests are repeated with backoff while no host can be reached; every write may safely be sent twice.

    Args:
        settings: which application; those of the environment when None.
        task_timeout_s: seconds a write waits until Algolia has published it.
    """

    name = "algolia"

    def __init__(self, settings: Settings | None = None, *, task_timeout_s: float = 120.0) -> None:
        self._settings = resolve(settings)
        self._names = IndexNames(self._settings.algolia_index_prefix)
        self._task_timeout_s = task_timeout_s

    async def ping(self) -> Ping:
        """See `ping_algolia`."""
        return await ping_algolia(self._settings)

    async def save_objects(self, index: str, records: Sequence[Mapping[str, JsonValue]]) -> None:
        """Add or replace whole records; all are checked before the first is sent.

        Raises:
            ValidationFailed: a record has no objectID, or a value that JSON does not know.
            ServiceError: Algolia refuses a record; earlier batches of 1,000 may be applied.
        """
        bodies = [encode_record(record, index) for record in records]
        await self._batch(index, "updateObject", bodies)

    async def partial_update(
        self,
        index: str,
        object_id: str,
        attributes: Mapping[str, JsonValue],
        *,
        create_if_missing: bool = False,
    ) -> None:
        """Set some attributes of one record.

        Raises:
            ValidationFailed: a value has no JSON form, or is a built-in operation that must not be repeated.
        """
        check_ids([object_id], index)
        body = encode_attributes(attributes, index)
        check_repeatable(body, index)
        action = "partialUpdateObject" if create_if_missing else "partialUpdateObjectNoCreate"
        await self._batch(index, action, [{**body, "objectID": object_id}])

    async def delete_objects(self, index: str, object_ids: Sequence[str]) -> None:
        """Remove records by id; absent ids are no error.

        Raises:
            ValidationFailed: an id is empty or no string.
        """
        check_ids(object_ids, index)
        await self._batch(index, "deleteObject", [{"objectID": object_id} for object_id in object_ids])

    async def search(
        self,
        index: str,
        query: str = "",
        *,
        filters: str = "",
        page: int = 0,
        hits_per_page: int = 20,
        facets: Sequence[str] = (),
    ) -> SearchPage:
        """Search. Pages reach the first 1,000 hits, unless ``paginationLimitedTo`` says otherwise.

        Raises:
            ServiceError: the index does not exist, or the filter cannot be read.
        """
        params = {
            "query": query,
            "filters": filters,
            "page": page,
            "hitsPerPage": hits_per_page,
            "facets": list(facets),
        }
        name = self._names.physical(index)
        found = await self._ask(
            f"search index {name!r}",
            lambda client: client.search_single_index_with_http_info(name, params),
            client=get_search_client,
        )
        return SearchPage(found["hits"], found["nbHits"], found["page"], found["nbPages"], found.get("facets") or {})

    async def get_object(self, index: str, object_id: str) -> dict[str, JsonValue] | None:
        """One record, or None when it or its index does not exist."""
        check_ids([object_id], index)
        name = self._names.physical(index)
        try:
            return await self._ask(
                f"read a record of index {name!r}",
                lambda client: client.get_object_with_http_info(name, object_id),
            )
        except StatusError as error:
            if error.status == 404:
                return None
            raise

    async def browse(self, index: str) -> AsyncIterator[dict[str, JsonValue]]:
        """Every record of the index, in no order; nothing when it does not exist."""
        name = self._names.physical(index)
        params: Json = {"hitsPerPage": _BROWSE_PAGE}
        while True:
            page = await self._browse_page(name, params)
            for hit in page["hits"]:
                yield hit
            if not page.get("cursor"):
                return
            params = {"cursor": page["cursor"]}

    async def get_settings(self, index: str) -> dict[str, JsonValue]:
        """The index's settings, with logical names for its replicas and its primary.

        Raises:
            ServiceError: the index does not exist.
        """
        name = self._names.physical(index)
        held = await self._ask(
            f"read the settings of index {name!r}", lambda client: client.get_settings_with_http_info(name)
        )
        return self._names.logical_settings(held)

    async def set_settings(
        self, index: str, settings: Mapping[str, JsonValue], *, forward_to_replicas: bool = False
    ) -> None:
        """Change the given settings and leave the others; names in ``replicas`` are logical too.

        Args:
            index: the logical name.
            settings: setting to value; null puts one back to its default.
            forward_to_replicas: change the replicas' settings as well.
        """
        body = self._names.physical_settings(encode_attributes(settings, index))
        name = self._names.physical(index)
        answer = await self._ask(
            f"change the settings of index {name!r}",
            lambda client: client.set_settings_with_http_info(name, body, forward_to_replicas),
            client=get_write_client,
        )
        await self._published(name, answer["taskID"])

    async def exists(self, index: str) -> bool:
        """Whether the index exists."""
        try:
            await self.get_settings(index)
        except StatusError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def count(self, index: str) -> int:
        """How many records the index holds; 0 when it does not exist."""
        try:
            return (await self.search(index, hits_per_page=0)).total
        except StatusError as error:
            if error.status == 404:
                return 0
            raise

    async def _batch(self, index: str, action: str, bodies: Sequence[Mapping[str, JsonValue]]) -> None:
        name = self._names.physical(index)
        last: int | None = None
        sent = 0
        for batch in batches(bodies):
            requests = [{"action": action, "body": body} for body in batch]
            done = f" ({sent} were sent before)" if sent else ""
            what = f"{action} {len(batch)} records of index {name!r}{done}"
            last = await self._send_batch(name, requests, what)
            sent += len(batch)
        # An index carries its tasks out in order, so the last one stands for all.
        if last is not None:
            await self._published(name, last)

    async def _send_batch(self, name: str, requests: list[Json], what: str) -> int:
        answer = await self._ask(
            what,
            lambda client: client.batch_with_http_info(name, {"requests": requests}),
            client=get_write_client,
        )
        return int(answer["taskID"])

    async def _browse_page(self, name: str, params: Json) -> Json:
        try:
            return await self._ask(f"browse index {name!r}", lambda client: client.browse_with_http_info(name, params))
        except StatusError as error:
            if error.status == 404:
                return {"hits": []}
            raise

    async def _published(self, name: str, task_id: int) -> None:
        async def is_published() -> bool:
            answer = await self._ask(
                f"tell the state of a task of index {name!r}",
                lambda client: client.get_task_with_http_info(name, task_id),
                client=get_write_client,
            )
            return bool(answer["status"] == "published")

        await wait_for_task(is_published, name, self._task_timeout_s)

    async def _ask(self, what: str, send: Send, *, client: Callable[[Settings], SearchClient] | None = None) -> Json:
        """Send a request, again while no host can be reached, and parse its answer."""
        if client is None:
            # Search keys seldom may browse or read settings; the write key may, where there is one.
            client = get_write_client if self._settings.algolia_write_api_key else get_search_client
        handle = client(self._settings)

        async def attempt() -> Json:
            with translated(self._settings, what):
                return parsed_answer(await send(handle))

        return await with_retries(attempt, self._settings, on=(ServerUnavailable,))
