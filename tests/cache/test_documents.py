"""`Model.cached`: documents from the cache, dropped when a change is committed, by whichever process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from bson import Decimal128, ObjectId
from hypothesis import given
from hypothesis import strategies as st
from tests.databases import drop_database

from docstore.cache import CachedDocuments, active_cache
from docstore.cache.documents import BsonCodec
from docstore.documents import Document, DocumentChanged, transaction
from docstore.documents.changes import ChangeKind
from docstore.errors import RefusedOperation, ValidationFailed
from docstore.models import ALL, Note, Tag
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers.cache import CacheWorker
from docstore.workers.messages import Message


async def make_tag(name: str = "Old") -> Tag:
    return await Tag(description=name, slug=f"s{uuid4().hex}").insert()


@pytest.fixture
async def stats(store: Store) -> Any:
    await store.cache()
    cache = await active_cache()
    assert cache is not None
    return cache.stats


async def test_a_document_is_fetched_once_and_whole(stats: Any) -> None:
    tag = await make_tag()
    for _ in range(3):
        found = await Tag.cached.get(tag.id)
        assert found == await Tag.get(tag.id)
        assert type(found) is Tag
    assert await Tag.cached.get(str(tag.id)) == found
    assert (stats.misses, stats.hits, stats.loads) == (1, 3, 1)


async def test_many_documents_in_the_order_asked(stats: Any) -> None:
    tags = [await make_tag(f"T{number}") for number in range(5)]
    assert await Tag.cached.get(tags[2].id) == tags[2]
    wanted = [tags[3].id, ObjectId(), tags[2].id, tags[0].id, tags[3].id]
    for _ in range(2):
        assert [each.description for each in await Tag.cached.get_many(wanted)] == ["T3", "T2", "T0", "T3"]
    assert stats.loads == 3, "the id without a document is asked for again; the others are not"


@pytest.mark.parametrize("how", ["save", "update_many", "delete", "purge", "raw"])
async def test_a_change_by_any_route_is_seen_at_once_in_its_own_process(stats: Any, how: str) -> None:
    tag = await make_tag()
    await Tag.cached.get(tag.id)
    if how == "save":
        tag.description = "New"
        await tag.save()
    elif how == "update_many":
        await Tag.find(Tag.slug == tag.slug).update({"$set": {"description": "New"}})
    elif how == "delete":
        await tag.delete()
    elif how == "purge":
        await tag.purge(reason="a test")
    else:
        await Tag.get_pymongo_collection().update_one({"_id": tag.id}, {"$set": {"description": "New"}})
    found = await Tag.cached.get(tag.id)
    assert (found.description if found else None) == (None if how in ("delete", "purge") else "New")


async def test_a_document_that_was_absent_is_seen_once_it_is_there(stats: Any) -> None:
    wanted = ObjectId()
    assert await Tag.cached.get(wanted) is None
    await Tag(id=wanted, description="T", slug=uuid4().hex).insert()
    assert (await Tag.cached.get(wanted)) is not None


async def test_what_is_not_committed_is_not_cached(stats: Any) -> None:
    tag = await make_tag()

    async def changes_its_mind() -> None:
        async with transaction():
            await tag.set({Tag.description: "Uncommitted"})
            inside = await Tag.cached.get(tag.id)
            assert inside is not None
            assert inside.description == "Uncommitted"
            assert (await Tag.cached.get_many([tag.id]))[0].description == "Uncommitted"
            raise LookupError

    with pytest.raises(LookupError):
        await changes_its_mind()
    found = await Tag.cached.get(tag.id)
    assert found is not None
    assert found.description == "Old"


async def test_a_slow_reader_does_not_bring_the_old_document_back(store: Store, stats: Any) -> None:
    tag = await make_tag()
    documents = CachedDocuments(active_cache)

    async def slow() -> Any:
        old = await Tag.get_pymongo_collection().find_one({"_id": tag.id})
        await tag.set({Tag.description: "New"})
        return old

    await documents.get("Tag", tag.id, slow)
    assert stats.outdated == 1
    found = await Tag.cached.get(tag.id)
    assert found is not None
    assert found.description == "New"


async def test_the_worker_drops_what_another_process_changed(store: Store, stats: Any) -> None:
    tag = await make_tag()
    await Tag.cached.get(tag.id)
    await store.database["Tag"].update_one({"_id": tag.id}, {"$set": {"description": "New"}})  # unseen by this process
    stale = await Tag.cached.get(tag.id)
    assert stale is not None
    assert stale.description == "Old"
    event = DocumentChanged(aggregate_id=tag.id, changed_collection="Tag", kind=ChangeKind.UPDATE)
    message = Message(topic=event.topic_name(), key=event.key(), value=event.model_dump_json(by_alias=True).encode())
    worker = CacheWorker(CachedDocuments(active_cache))
    for _ in range(2):
        await worker.handle(message)
    fresh = await Tag.cached.get(tag.id)
    assert fresh is not None
    assert fresh.description == "New"


async def test_models_that_do_not_announce_changes_are_refused(store: Store) -> None:
    with pytest.raises(RefusedOperation, match="does not announce"):
        await Note.cached.get(ObjectId())


async def test_sensitive_documents_are_never_cached(settings: Settings) -> None:
    class Keyring(Document):
        key: str
        announces: ClassVar[bool] = True
        sensitive: ClassVar[frozenset[str]] = frozenset({"key"})

    async with Store(settings, models=(*ALL, Keyring)) as store:
        stats = (await store.cache()).stats
        ring = await Keyring(key="k").insert()
        for _ in range(2):
            assert await Keyring.cached.get(ring.id) == ring
        assert stats.hits == stats.stores == 0
        await drop_database(store.client, settings.effective_database_name)


async def test_without_redis_documents_come_from_the_database(store: Store) -> None:
    tag = await make_tag()
    unconfigured = CachedDocuments(_none)

    async def fetch() -> Any:
        return {"_id": tag.id}

    assert await unconfigured.get("Tag", tag.id, fetch) == {"_id": tag.id}
    await unconfigured.changed("Tag", [tag.id])


async def _none() -> None:
    await asyncio.sleep(0)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.binary()
    | st.builds(ObjectId)
    | st.integers(-(10**9), 10**9).map(lambda number: Decimal128(f"{number}E-3"))
    | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(  # the zone is given next
        lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcdef", min_size=1), values))
def test_stored_documents_are_read_back_exactly(stored: dict[str, Any]) -> None:
    codec = BsonCodec()
    assert codec.read(codec.write(stored)) == stored
    assert codec.read(codec.write(None)) is None


async def test_a_cached_document_that_does_not_fit_any_more_is_read_from_the_database(store: Store, stats: Any) -> None:
    tag = await make_tag()
    slug = tag.slug
    await store.database["Tag"].update_one({"_id": tag.id}, {"$set": {"slug": {"older": "form"}}})
    with pytest.raises((ValidationFailed, ValueError), match="slug"):
        await Tag.cached.get(tag.id)
    await store.database["Tag"].update_one({"_id": tag.id}, {"$set": {"slug": slug}})  # as a migration does
    assert await Tag.cached.get(tag.id) == await Tag.get(tag.id)
    assert await Tag.cached.get_many([tag.id]) == [await Tag.get(tag.id)]


async def test_writers_are_held_up_by_a_cache_that_hangs_until_it_is_known_and_no_longer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = await active_cache()
    assert cache is not None
    tried = 0

    async def hang(*_: object, **__: object) -> None:
        nonlocal tried
        tried += 1
        raise TimeoutError

    monkeypatch.setattr(cache.key_value, "set_many", hang)
    tags = [await make_tag() for _ in range(6)]
    assert tried == 3, "three failures in a row; then nothing is asked for a while"
    assert cache.is_away
    assert len({tag.id for tag in tags}) == 6
