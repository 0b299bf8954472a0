"""Algolia: the shared clients' names, and `AlgoliaIndex`, the adapter for services."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from pydantic import JsonValue

from docstore.clients._algolia_calls import AlgoliaCalls, Json, send_json
from docstore.clients._algolia_configuration import AlgoliaConfiguration
from docstore.clients._algolia_errors import StatusError
from docstore.clients._algolia_handles import (
    close_search_clients,
    get_search_client,
    get_write_client,
    ping_algolia,
)
from docstore.clients._algolia_records import (
    batch_request,
    batches,
    check_ids,
    check_repeatable,
    encode_attributes,
    json_bytes,
    prepare_record,
)
from docstore.clients._shared import resolve
from docstore.clients.protocols import Ping, PreparedRecord, SearchPage
from docstore.errors import RecordRefused
from docstore.settings import Settings

__all__ = ["AlgoliaIndex", "close_search_clients", "get_search_client", "get_write_client", "ping_algolia"]

_PAGE = 1_000
_FOR_WHAT_IT_HOLDS = (400, 413, 422)


class AlgoliaIndex(AlgoliaConfiguration):
    """`SearchIndex` and `Probe` on Algolia.

    Requests are repeated with backoff while no host can be reached; every write may safely be sent twice.

    Args:
        settings: which application; those of the environment when None.
        task_timeout_s: seconds a write waits until Algolia has published it.
    """

    name = "algolia"

    def __init__(self, settings: Settings | None = None, *, task_timeout_s: float = 120.0) -> None:
        self._settings = resolve(settings)
        super().__init__(AlgoliaCalls(self._settings, task_timeout_s))

    async def ping(self) -> Ping:
        """See `ping_algolia`."""
        return await ping_algolia(self._settings)

    def prepare(self, index: str, record: Mapping[str, JsonValue]) -> PreparedRecord:
        """The record as it would be sent.

        Raises:
            ValidationFailed: it has no objectID, is larger than ALGOLIA_MAX_RECORD_BYTES, or holds a value that JSON
                does not know; names the field.
        """
        return prepare_record(record, index, self._settings.algolia_max_record_bytes)

    async def save_objects(
        self, index: str, records: Sequence[Mapping[str, JsonValue] | PreparedRecord], *, wait: bool = True
    ) -> None:
        """Add or replace whole records; all are checked before the first is sent.

        Raises:
            ValidationFailed: see `prepare`.
            RecordRefused: Algolia refuses a record; earlier batches may be applied.
            ServiceError: it refuses the key, or the index.
        """
        prepared = (each if isinstance(each, PreparedRecord) else self.prepare(index, each) for each in records)
        await self._batch(index, "updateObject", [each.body for each in prepared], wait=wait)

    async def settle(self, index: str) -> None:
        """Wait until all writes of this adapter that did not wait are visible."""
        await self._calls.settle(self._names.physical(index))

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
        await self.partial_update_many(index, {object_id: attributes}, create_if_missing=create_if_missing)

    async def partial_update_many(
        self, index: str, updates: Mapping[str, Mapping[str, JsonValue]], *, create_if_missing: bool = False
    ) -> None:
        """As `partial_update`, for attributes by objectID."""
        check_ids(list(updates), index)
        bodies = []
        for object_id, attributes in updates.items():
            body = encode_attributes(attributes, index)
            check_repeatable(body, index)
            bodies.append(json_bytes({**body, "objectID": object_id}))
        action = "partialUpdateObject" if create_if_missing else "partialUpdateObjectNoCreate"
        await self._batch(index, action, bodies)

    async def delete_objects(self, index: str, object_ids: Sequence[str], *, wait: bool = True) -> None:
        """Remove records by id; absent ids are no error.

        Raises:
            ValidationFailed: an id is empty or no string.
        """
        check_ids(object_ids, index)
        await self._batch(index, "deleteObject", [json_bytes({"objectID": each}) for each in object_ids], wait=wait)

    async def search(
        self,
        index: str,
        query: str = "",
        *,
        filters: str = "",
        facet_filters: Sequence[Sequence[str]] = (),
        numeric_filters: Sequence[str] = (),
        page: int = 0,
        hits_per_page: int = 20,
        facets: Sequence[str] = (),
    ) -> SearchPage:
        """Search. Pages reach the first 1,000 hits, unless ``paginationLimitedTo`` says otherwise.

        Raises:
            ServiceError: the index does not exist, or the filter cannot be read.
        """
        params: Json = {
            "query": query,
            "filters": filters,
            "facetFilters": [list(each) for each in facet_filters],
            "numericFilters": list(numeric_filters),
            "page": page,
            "hitsPerPage": hits_per_page,
            "facets": list(facets),
        }
        name = self._names.physical(index)
        found = await self._calls.read(
            f"search index {name!r}",
            lambda client: client.search_single_index_with_http_info(name, params),
            search_key=True,
        )
        return SearchPage(found["hits"], found["nbHits"], found["page"], found["nbPages"], found.get("facets") or {})

    async def get_object(self, index: str, object_id: str) -> dict[str, JsonValue] | None:
        """One record, or None when it or its index does not exist."""
        check_ids([object_id], index)
        name = self._names.physical(index)
        return await self._calls.read_or_none(
            f"read a record of index {name!r}", lambda client: client.get_object_with_http_info(name, object_id)
        )

    async def get_objects(
        self, index: str, object_ids: Sequence[str], *, attributes: Sequence[str] | None = None
    ) -> dict[str, dict[str, JsonValue]]:
        """The records that are there, by objectID; none when the index does not exist."""
        check_ids(object_ids, index)
        name = self._names.physical(index)
        more: Json = {} if attributes is None else {"attributesToRetrieve": list(attributes)}
        found: dict[str, dict[str, JsonValue]] = {}
        for start in range(0, len(object_ids), _PAGE):
            wanted = [{"indexName": name, "objectID": each, **more} for each in object_ids[start : start + _PAGE]]
            answer = await self._objects(name, wanted)
            found |= {str(each["objectID"]): each for each in answer if each is not None}
        return found

    async def browse(
        self, index: str, *, attributes: Sequence[str] | None = None
    ) -> AsyncIterator[dict[str, JsonValue]]:
        """Every record of the index, in no order; nothing when it does not exist."""
        name = self._names.physical(index)
        # The driver's own loop recurses, a call for each page.
        params: Json = {"hitsPerPage": _PAGE}
        if attributes is not None:
            params["attributesToRetrieve"] = list(attributes)
        while True:
            page = await self._browse_page(name, params)
            for hit in page["hits"]:
                yield hit
            if not page.get("cursor"):
                return
            params = {"cursor": page["cursor"]}

    async def count(self, index: str) -> int:
        """How many records the index holds; 0 when it does not exist."""
        name = self._names.physical(index)
        # A rule, or a setting, may hide records from an ordinary search for nothing.
        params = {"query": "", "hitsPerPage": 0, "enableRules": False, "distinct": False}
        found = await self._calls.read_or_none(
            f"count the records of index {name!r}",
            lambda client: client.search_single_index_with_http_info(name, params),
        )
        return 0 if found is None else int(found["nbHits"])

    async def _batch(self, index: str, action: str, bodies: Sequence[bytes], *, wait: bool = True) -> None:
        name = self._names.physical(index)
        path = f"/1/indexes/{quote(name, safe='')}/batch"
        sent = 0
        for batch in batches(bodies):
            done = f" ({sent} were sent before)" if sent else ""
            what = f"{action} {len(batch)} records of index {name!r}{done}"
            body = batch_request(action, batch)
            try:
                await self._calls.write(name, what, partial(send_json, path=path, body=body), wait=False)
            except StatusError as error:
                if error.status in _FOR_WHAT_IT_HOLDS:
                    raise RecordRefused(error.message, hint=error.hint) from error
                raise
            sent += len(batch)
        if wait and sent:
            await self._calls.settle(name)

    async def _objects(self, name: str, wanted: list[Json]) -> list[Json | None]:
        answer = await self._calls.read_or_none(
            f"read records of index {name!r}",
            lambda client: send_json(client, "/1/indexes/*/objects", json.dumps({"requests": wanted})),
        )
        return [] if answer is None else list(answer["results"])

    async def _browse_page(self, name: str, params: Json) -> Any:
        page = await self._calls.read_or_none(
            f"browse index {name!r}", lambda client: client.browse_with_http_info(name, params)
        )
        return {"hits": []} if page is None else page
