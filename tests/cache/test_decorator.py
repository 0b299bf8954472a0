"""`@cached` keeps a function's answers, one for each set of arguments."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import pytest
from pydantic import SecretStr

from docstore.cache import cached, clear_cache, document_tag
from docstore.errors import NotBound, SettingsError
from docstore.models import Tag
from docstore.store import Store

calls: list[tuple[object, ...]] = []


@dataclass
class Card:
    name: str
    size: int


@cached(ttl=60)
async def card(name: str, *, size: int = 1) -> Card:
    """A card."""
    calls.append((name, size))
    return Card(name, size)


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


async def test_without_a_store_the_function_is_called() -> None:
    assert await card("a") == await card("a") == Card("a", 1)
    assert calls == [("a", 1)] * 2
    with pytest.raises(NotBound, match="no cache"):
        await clear_cache()


async def test_equal_calls_share_an_answer(store: Store) -> None:
    name = uuid4().hex
    await store.cache()  # opens Redis, as a configured one would be
    first = await card(name)
    assert first == await card(name, size=1) == await card(name=name) == Card(name, 1)
    assert await card(name, size=2) == Card(name, 2)
    assert calls == [(name, 1), (name, 2)]
    assert card.__doc__ == "A card."
    assert await card.forget(name)
    assert not await card.forget(name)
    await card(name)
    assert len(calls) == 3


async def test_a_namespace_can_be_cleared(store: Store) -> None:
    await store.cache()

    @cached(namespace="job_cache", key=lambda number: f"k{number}")
    async def double(number: int) -> int:
        calls.append((number,))
        return 2 * number

    assert [await double(1), await double(1)] == [2, 2]
    await clear_cache("job_cache")
    assert await double(1) == 2
    assert len(calls) == 2
    assert await (await store.cache("job_cache")).get("k1") == 2


async def test_arguments_that_make_no_key_are_refused(store: Store) -> None:
    await store.cache()

    @cached()
    async def of(thing: object) -> int:
        return 1

    with pytest.raises(SettingsError, match="thing: object"):
        await of(object())


async def test_an_answer_follows_the_document_it_is_made_of(store: Store) -> None:
    await store.cache()
    tag = await Tag(description="Old", slug=f"s{uuid4().hex}").insert()

    @cached(key=lambda tag_id: f"name-{tag_id}", tags=lambda tag_id: [document_tag("Tag", tag_id)])
    async def name_of(tag_id: str) -> str | None:
        found = await Tag.get(tag_id)
        calls.append((tag_id,))
        return found.description if found else None

    assert [await name_of(str(tag.id)) for _ in range(2)] == ["Old", "Old"]
    await tag.set({Tag.description: "New"})
    assert [await name_of(str(tag.id)) for _ in range(2)] == ["New", "New"]
    await tag.delete()
    assert await asyncio.gather(*(name_of(str(tag.id)) for _ in range(5))) == [None] * 5
    assert len(calls) == 3


async def test_secrets_make_no_key_since_all_of_them_look_the_same(store: Store) -> None:
    @cached()
    async def owner_of(token: SecretStr, more: dict[str, SecretStr] | None = None) -> str:
        return token.get_secret_value()

    with pytest.raises(SettingsError, match="no key can be made"):
        await owner_of(SecretStr("one"))
    with pytest.raises(SettingsError, match="no key can be made"):
        owner_of.key(SecretStr(""), {"x": SecretStr("two")})
