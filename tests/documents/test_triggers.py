"""Triggers run on every route that changes the field, within the transaction of the change."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, ClassVar

import pytest
from bson import ObjectId
from pymongo import UpdateMany, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents import (
    ChangeKind,
    Document,
    OnDelete,
    PydanticObjectId,
    Ref,
    Transition,
    Trigger,
    assign_fields,
    became_null,
    bind,
    get_trigger,
    transaction,
    trigger_names,
    triggers_for,
)
from docstore.errors import NotFound, RefusedOperation, SettingsError
from docstore.models import Content, ContentKind, ContentStatus, Organization, User

NAME = "unpublish_content_on_org_delete"
MODELS = (User, Organization, Content)


@pytest.fixture
async def published(bind_models: Any) -> Content:
    """A published piece of an organisation."""
    await bind_models(*MODELS)
    user = await User(email="ada@example.com").insert()
    organization = await Organization(name="o", slug="o").insert()
    content = await Content(
        creator_id=user.id, organization_id=organization.id, title="t", slug="t", content_type=ContentKind.WRITTEN
    ).insert()
    return await content.publish()


def test_it_is_declared_with_its_reason() -> None:
    trigger = get_trigger(NAME)
    assert triggers_for("Content") == triggers_for(Content) == (trigger,)
    assert NAME in trigger_names()
    assert trigger.collection == "Content"
    assert "draft" in trigger.description
    assert "personal page" in trigger.reason
    with pytest.raises(NotFound, match=NAME):
        get_trigger("no_such")


async def the_organization(content: Content) -> Organization:
    organization = await Organization.get(content.organization_id)
    assert organization is not None
    return organization


async def by_document(content: Content) -> None:
    await (await the_organization(content)).delete()


async def by_query(content: Content) -> None:
    await Organization.find(Organization.slug == "o").delete()


async def by_collection(content: Content) -> None:
    await Organization.get_pymongo_collection().delete_many({})


async def by_find_one_and_delete(content: Content) -> None:
    await Organization.get_pymongo_collection().find_one_and_delete({})


async def by_bulk(content: Content) -> None:
    from pymongo import DeleteOne

    await Organization.get_pymongo_collection().bulk_write([DeleteOne({"slug": "o"})])


async def by_save(content: Content) -> None:
    content.organization_id = None
    await content.save()


async def by_update(content: Content) -> None:
    await content.update({"$set": {"organizationId": None}})


async def by_replace(content: Content) -> None:
    content.organization_id = None
    await content.replace()


async def by_unset(content: Content) -> None:
    await Content.get_pymongo_collection().update_many({}, {"$unset": {"organizationId": ""}})


async def by_pipeline(content: Content) -> None:
    await Content.get_pymongo_collection().update_one({}, [{"$set": {"organizationId": None}}])


async def by_replacement(content: Content) -> None:
    stored = await Content.get_pymongo_collection().find_one({})
    assert stored is not None
    await Content.get_pymongo_collection().replace_one({}, {**stored, "organizationId": None})


async def by_find_one_and_update(content: Content) -> None:
    await Content.get_pymongo_collection().find_one_and_update({}, {"$set": {"organizationId": None}})


async def by_bulk_update(content: Content) -> None:
    operations = [
        UpdateOne({"slug": "no"}, {"$set": {"title": "x"}}),
        UpdateMany({}, {"$set": {"organizationId": None}}),
    ]
    await Content.get_pymongo_collection().bulk_write(operations)


DELETIONS = [by_document, by_query, by_collection, by_find_one_and_delete, by_bulk]
ROUTES = [
    *DELETIONS,
    *(by_save, by_update, by_replace, by_unset, by_pipeline, by_replacement, by_find_one_and_update, by_bulk_update),
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.__name__)
async def test_content_that_loses_its_organization_is_unpublished(
    published: Content, route: Callable[[Content], Awaitable[None]]
) -> None:
    await route(published)
    stored = await Content.get(published.id)
    assert stored is not None
    assert (stored.organization_id, stored.status, stored.published_at) == (None, ContentStatus.DRAFT, None)


@pytest.mark.parametrize("route", [by_save, by_update, by_replace], ids=lambda each: each.__name__)
async def test_memory_follows(published: Content, route: Callable[[Content], Awaitable[None]]) -> None:
    await route(published)
    assert (published.status, published.published_at) == (ContentStatus.DRAFT, None)
    published.title = "new"
    await published.save()
    stored = await Content.get(published.id)
    assert stored is not None
    assert (stored.status, stored.title) == (ContentStatus.DRAFT, "new")


async def test_a_restored_organization_gets_its_content_back_as_drafts(published: Content) -> None:
    organization = await the_organization(published)
    await organization.delete()
    await organization.restore()
    stored = await Content.get(published.id)
    assert stored is not None
    assert (stored.organization_id, stored.status) == (organization.id, ContentStatus.DRAFT)


async def test_other_changes_leave_it_alone(published: Content) -> None:
    await published.update({"$set": {"title": "x"}})
    await Content.find_all().update({"$inc": {"viewCount": 1}})
    other = await Organization(name="p", slug="p").insert()
    await published.update({"$set": {"organizationId": other.id}})
    stored = await Content.get(published.id)
    assert stored is not None
    assert stored.status is ContentStatus.PUBLISHED


async def test_content_in_the_trash_does_not_miss_it(published: Content) -> None:
    organization = await the_organization(published)
    await published.delete()
    await organization.delete()
    await organization.purge(reason="test")
    await published.restore()
    stored = await Content.get(published.id)
    assert stored is not None
    assert (stored.organization_id, stored.status) == (None, ContentStatus.DRAFT)


async def test_what_is_aborted_triggers_nothing(published: Content) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with transaction():
            await by_document(published)
            raise RuntimeError
    stored = await Content.get(published.id)
    assert stored is not None
    assert stored.status is ContentStatus.PUBLISHED


# Triggers of one's own

told: list[tuple[str, list[Any]]] = []


async def tell(model: type[Any], transitions: Sequence[Transition]) -> None:
    """An action that writes down what it was called for."""
    told.append((model.__name__, [(each.was("name"), each.now("name")) for each in transitions]))


async def fail(model: type[Any], transitions: Sequence[Transition]) -> None:
    """An action that fails."""
    raise LookupError("no")


def a_trigger(name: str, action: Any = tell, *events: ChangeKind, collection: str = "Watched") -> Trigger:
    return Trigger(
        name=name,
        collection=collection,
        condition=lambda transition: True,
        action=action,
        description="d",
        reason="r",
        events=frozenset(events or ChangeKind),
    )


class Watched(Document):
    name: str
    left: int = 3
    friend_id: Annotated[PydanticObjectId | None, Ref("Watched", on_delete=OnDelete.CASCADE)] = None

    triggers: ClassVar = (a_trigger("watch_all"),)


async def test_every_kind_of_change_can_be_watched(bind_models: Any) -> None:
    await bind_models(Watched)
    told.clear()
    first = await Watched(name="1").insert()
    await Watched.insert_many([Watched(name="2", friend_id=first.id), Watched(name="3", friend_id=first.id)])
    await Watched.find(Watched.name != "1").update({"$set": {"name": "4"}})
    await first.delete()
    await first.restore()
    await Watched.find({"name": "4"}).purge(reason="test")
    assert told == [
        ("Watched", [(None, "1")]),
        ("Watched", [(None, "2"), (None, "3")]),
        ("Watched", [("2", "4"), ("3", "4")]),
        ("Watched", [("1", "1")]),
        ("Watched", [("4", "4"), ("4", "4")]),
        ("Watched", [("1", "1"), ("4", "4"), ("4", "4")]),
        ("Watched", [("4", None), ("4", None)]),
    ]


async def test_a_failing_trigger_takes_the_write_back(bind_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await bind_models(Watched)
    monkeypatch.setattr(Watched, "triggers", (a_trigger("fails", fail),))
    with pytest.raises(LookupError):
        await Watched(name="1").insert()
    with pytest.raises(LookupError):  # noqa: PT012
        async with transaction():
            with pytest.raises(LookupError):
                await Watched(name="1").insert()
    monkeypatch.undo()
    assert await Watched.count() == 0


async def test_triggers_that_set_each_other_off_end(bind_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await bind_models(Watched)
    document = await Watched(name="1").insert()

    async def count_down(model: type[Any], transitions: Sequence[Transition]) -> None:
        await Watched.find({"_id": document.id}).update({"$inc": {"left": -1}})

    def left(transition: Transition) -> bool:
        return bool(transition.now("left") != 0)

    trigger = Trigger("count_down", "Watched", left, count_down, "d", "r")
    monkeypatch.setattr(Watched, "triggers", (trigger,))
    await document.update({"$set": {"name": "2"}})
    assert (document.left, document.name) == (0, "2")
    with pytest.raises(RefusedOperation, match="count_down"):
        await document.update({"$set": {"left": 100}})
    stored = await Watched.get(document.id)
    assert stored is not None
    assert stored.left == 0


async def test_declarations_are_held_against_each_other(database: AsyncDatabase[dict[str, Any]]) -> None:
    class Twice(Document):
        triggers: ClassVar = (a_trigger("twice", collection="Twice"), a_trigger("twice", collection="Twice"))

    class Elsewhere(Document):
        triggers: ClassVar = (a_trigger("elsewhere"),)

    for model, problem in ((Twice, "two triggers are named 'twice'"), (Elsewhere, "declared on Elsewhere")):
        with pytest.raises(SettingsError, match=problem):
            await bind(database, [model])


async def test_a_trigger_does_not_delete_by_a_mark(bind_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await bind_models(Watched)
    monkeypatch.setattr(Watched, "triggers", (a_trigger("marks", assign_fields(is_deleted=True)),))
    with pytest.raises(ValueError, match=r"use delete\(\)"):
        await Watched(name="1").insert()


def test_conditions_read_what_is_stored() -> None:
    lost = became_null("friend_id")
    some = ObjectId()
    assert lost(Transition(Watched, 1, {"friendId": some}, {"friendId": None}))
    assert lost(Transition(Watched, 1, {"friendId": some}, {}))
    assert not lost(Transition(Watched, 1, {"friendId": None}, {}))
    assert not lost(Transition(Watched, 1, {"friendId": some}, {"friendId": ObjectId()}))
