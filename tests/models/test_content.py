"""Uploads on their way through transcoding, and the publication of content."""

from typing import Any

import pytest
from bson import ObjectId
from pydantic import ValidationError
from pymongo.asynchronous.database import AsyncDatabase

from docstore import Store
from docstore.errors import InvalidTransition, UniqueViolation, ValidationFailed
from docstore.models import Content, ContentKind, ContentStatus, MediaItem, MediaStatus, MediaType, Organization, User


def an_item(media_type: MediaType = MediaType.VIDEO, **changes: object) -> MediaItem:
    fields = {"creator_id": ObjectId(), "title": "t", "media_type": media_type, "r2_key": "k", **changes}
    return MediaItem(**fields)


async def a_creator(name: str = "ada") -> ObjectId:
    creator = await User(email=f"{name}@example.com").insert()
    assert creator.id is not None
    return creator.id


async def an_organization(slug: str) -> ObjectId:
    organization = await Organization(name=slug, slug=slug).insert()
    assert organization.id is not None
    return organization.id


def a_piece(**changes: object) -> Content:
    fields = {"creator_id": ObjectId(), "title": "t", "slug": "s", "content_type": ContentKind.WRITTEN, **changes}
    return Content(**fields)


def test_a_ready_video_names_what_it_lacks() -> None:
    with pytest.raises(ValidationError, match="duration_seconds, hls_master_playlist_key, thumbnail_key"):
        MediaItem(
            creator_id=ObjectId(),
            title="t",
            media_type=MediaType.VIDEO,
            r2_key="k",
            status=MediaStatus.READY,
        )


def test_ready_audio_needs_its_duration_alone() -> None:
    fields = {"creator_id": ObjectId(), "title": "t", "media_type": MediaType.AUDIO, "r2_key": "k"}
    with pytest.raises(ValidationError, match="needs duration_seconds"):
        MediaItem(**fields, status=MediaStatus.READY)
    assert MediaItem(**fields, status=MediaStatus.READY, duration_seconds=3).status is MediaStatus.READY


async def test_an_upload_becomes_ready(store: Store) -> None:
    item = await an_item(creator_id=await a_creator()).insert()
    await item.uploaded(file_size_bytes=10)
    await item.transcode()
    await item.fail()
    await item.transcode()
    with pytest.raises(ValidationFailed, match="thumbnail_key"):
        await item.ready(duration_seconds=3, hls_master_playlist_key="h")
    unready = await MediaItem.get(item.id)
    assert unready is not None
    assert unready.status is item.status is MediaStatus.TRANSCODING
    await item.ready(duration_seconds=3, hls_master_playlist_key="h", thumbnail_key="t")
    stored = await MediaItem.get(item.id)
    assert stored is not None
    assert (stored.status, stored.duration_seconds, stored.file_size_bytes) == (MediaStatus.READY, 3, 10)
    assert stored.uploaded_at is not None
    with pytest.raises(InvalidTransition, match="READY"):
        await item.transcode()


async def test_transcoding_waits_for_the_upload(store: Store) -> None:
    item = await an_item(creator_id=await a_creator()).insert()
    with pytest.raises(InvalidTransition, match="UPLOADING"):
        await item.transcode()


async def test_an_old_ready_item_without_outputs_loads(store: Store, database: AsyncDatabase[dict[str, Any]]) -> None:
    raw = {"title": "t", "mediaType": "VIDEO", "status": "READY", "r2Key": "k"}
    item = await MediaItem.get((await database["MediaItem"].insert_one(raw)).inserted_id)
    assert item is not None
    assert item.status is MediaStatus.READY


def test_a_price_is_not_negative() -> None:
    with pytest.raises(ValidationError, match="0 or more"):
        a_piece(price_cents=-1)
    assert a_piece(price_cents=0).price_cents == 0


async def test_content_is_published_unpublished_and_archived(store: Store) -> None:
    piece = await a_piece(creator_id=await a_creator()).insert()
    with pytest.raises(InvalidTransition, match="DRAFT"):
        await piece.archive()
    await piece.publish()
    assert piece.published_at is not None
    await piece.archive()
    assert piece.published_at is not None
    await piece.unpublish()
    stored = await Content.get(piece.id)
    assert stored is not None
    assert (stored.status, stored.published_at) == (ContentStatus.DRAFT, None)


async def test_a_slug_is_unique_within_its_organization_or_else_its_creator(store: Store) -> None:
    creator, other = await a_creator("ada"), await a_creator("bob")
    organization = await an_organization("o")
    await a_piece(creator_id=creator).insert()
    await a_piece(creator_id=other).insert()
    await a_piece(creator_id=creator, organization_id=organization).insert()
    with pytest.raises(UniqueViolation):
        await a_piece(creator_id=creator).insert()
    with pytest.raises(UniqueViolation):
        await a_piece(creator_id=other, organization_id=organization).insert()
    await a_piece(creator_id=other, organization_id=await an_organization("p")).insert()
