"""Keys and bad requests: who is let in, who may do what, and how a refusal reads."""

from __future__ import annotations

import aiohttp
import pytest
from algoliasearch.http.exceptions import RequestException
from algoliasearch.search.client import SearchClient

from docstore.embedded.algolia import Limits, LocalAlgolia

HEADERS = {"x-algolia-application-id": "docstore-local", "x-algolia-api-key": "local-write-key"}


@pytest.mark.parametrize(
    "headers",
    [{}, {**HEADERS, "x-algolia-api-key": "wrong"}, {**HEADERS, "x-algolia-application-id": "other"}],
)
async def test_wrong_credentials_are_403(port: int, headers: dict[str, str]) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{port}/1/indexes", headers=headers)
        assert answer.status == 403
        assert await answer.json() == {"message": "Invalid Application-ID or API key", "status": 403}


async def test_the_search_key_reads_and_does_nothing_else(
    client: SearchClient, reader: SearchClient, index: str
) -> None:
    await client.save_objects(index, [{"objectID": "1"}])
    assert (await reader.search_single_index(index)).nb_hits == 1
    assert await reader.get_object(index, "1") == {"objectID": "1"}
    assert len((await reader.browse(index)).hits) == 1
    assert (await reader.get_api_key("local-search-key")).acl == ["search", "browse"]
    for refused in (
        reader.save_object(index, {}),
        reader.delete_object(index, "1"),
        reader.set_settings(index, {}),
        reader.get_settings(index),
        reader.list_indices(),
        reader.get_api_key("local-write-key"),
    ):
        with pytest.raises(RequestException, match="Method not allowed with this API key") as error:
            await refused
        assert error.value.status_code == 403


async def test_credentials_may_come_in_the_url(port: int) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{port}/1/indexes", params=HEADERS)
        assert answer.status == 200


@pytest.mark.parametrize("body", [b"{", b'{"a": NaN}', b"[" * 100_000, b"[1]", b"\xff"])
async def test_a_body_that_is_no_json_object_is_400(port: int, body: bytes) -> None:
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        answer = await session.post(f"http://127.0.0.1:{port}/1/indexes/i/batch", data=body)
        assert answer.status == 400
        assert (await answer.json())["status"] == 400


async def test_other_paths_and_methods(port: int) -> None:
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        url = f"http://127.0.0.1:{port}"
        assert (await session.get(f"{url}/1/isalive")).status == 200
        assert (await session.get(f"{url}/2/nothing")).status == 404
        assert (await session.put(f"{url}/1/indexes")).status == 405
        assert (await session.get(f"{url}/_faults")).status == 404


async def test_a_body_above_the_limit_is_413() -> None:
    small = Limits(body_bytes=1_000)
    async with LocalAlgolia(limits=small) as server, aiohttp.ClientSession(headers=HEADERS) as session:
        answer = await session.post(f"{server.url}/1/indexes/i/batch", data=b" " * 1_001)
        assert answer.status == 413
        assert (await answer.json())["status"] == 413
