"""Documents as the older Node services wrote them: fields missing, unknown, null, or spelled the old way."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from docstore import Store
from docstore.documents import Document
from docstore.models import (
    ALL,
    Account,
    Category,
    Comment,
    Platform,
    Post,
    PostStatus,
    Review,
    Session,
    User,
    UserRole,
)

every_model = pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)


@every_model
def test_a_document_of_nothing_but_an_id_loads(model: type[Document]) -> None:
    raw = {"_id": ObjectId(), "__v": 0}
    assert model.model_validate(raw).id == raw["_id"]


@every_model
def test_nulls_everywhere_load(model: type[Document]) -> None:
    stored = {info.alias or name: None for name, info in model.model_fields.items() if name != "id"}
    loaded = model.model_validate({"_id": ObjectId(), **stored})
    for name, info in model.model_fields.items():
        if isinstance(info.get_default(), bool | int):
            assert getattr(loaded, name) == info.get_default() or "None" in str(info.annotation)


@pytest.mark.parametrize(
    ("model", "raw", "expected"),
    [
        (Post, {"isFeatured": True}, {"featured": True}),
        (Post, {"isFeatured": False, "featured": True}, {"featured": True}),
        (Post, {"canonicalUrl": "https://e.com"}, {"metadata_canonical_url": "https://e.com"}),
        (Post, {"status": "DELETED"}, {"status": PostStatus.DELETED}),
        (Post, {"postUrl": "Not A Slug"}, {"post_url": "Not A Slug"}),
        (Post, {"title": ""}, {"title": ""}),
        (Post, {"broadcastIds": None}, {"broadcast_ids": []}),
        (Post, {"viewCount": 12.0}, {"view_count": 12}),
        (User, {"role": "ADMIN"}, {"role": [UserRole.ADMIN]}),
        (User, {"role": None}, {"role": [UserRole.USER]}),
        (User, {"image": "a.png"}, {"avatar": "a.png"}),
        (User, {"imageUrl": "b.png"}, {"avatar": "b.png"}),
        (User, {"email": "not an address"}, {"email": "not an address"}),
        (Account, {"name_en": "Ada", "language_code": "en"}, {"name_en": "Ada", "language_code": "en"}),
        (Account, {"isCategoryFailed": None, "platform": "TWITTER"}, {"platform": Platform.TWITTER}),
        (Category, {"keywords": None}, {"keywords": []}),
        (Review, {"stars": 0}, {"stars": 0}),
    ],
)
def test_old_values_and_spellings_are_read(model: type[Document], raw: dict[str, Any], expected: Any) -> None:
    loaded = model.model_validate({"_id": ObjectId(), "__v": 3, "unknown": {"a": 1}, **raw})
    assert {name: getattr(loaded, name) for name in expected} == expected


def test_free_form_json_may_hold_what_bson_holds() -> None:
    edited = datetime(2024, 1, 1, tzinfo=UTC)
    history = [{"at": edited, "by": ObjectId(), "content": {"text": "before"}}]
    loaded = Comment.model_validate({"_id": ObjectId(), "editHistory": history, "content": {"type": "doc"}})
    assert loaded.edit_history == history


def test_a_token_kept_in_the_clear_by_an_older_service_is_hashed_on_reading() -> None:
    loaded = Session.model_validate({"_id": ObjectId(), "accessToken": "in-the-clear"})
    assert "in-the-clear" not in str(loaded.access_token)


async def test_a_save_keeps_unknown_fields(store: Store, database: AsyncDatabase[dict[str, Any]]) -> None:
    raw = {"title": "Old", "content": "…", "postUrl": "old", "isFeatured": True, "__v": 7, "legacy": [1]}
    post_id = (await database["Post"].insert_one(dict(raw))).inserted_id
    post = await Post.get(post_id)
    assert post is not None
    post.title = "New"
    await post.save()
    stored = await database["Post"].find_one({"_id": post_id})
    assert stored is not None
    assert (stored["title"], stored["featured"], stored["__v"], stored["legacy"]) == ("New", True, 7, [1])
