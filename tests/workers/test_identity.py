"""Users follow the identity provider: in any order, however often it tells."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docstore.documents import utc_now
from docstore.errors import ValidationFailed
from docstore.models import User
from docstore.store import Store
from docstore.workers import IdentityWorker, Message
from docstore.workers.identity import TOLERATED_AHEAD, IdentityState

BASE = 1_760_000_000_000


def event(kind: str, at: int = 0, **data: Any) -> Message:
    body = {"type": f"user.{kind}", "timestamp": BASE + at, "data": {"id": "user_1", **data}}
    return Message("clerk-user-events", json.dumps(body).encode(), key=b"user_1")


def person(first: str = "Ada", email: str = "ada@example.com", **more: Any) -> dict[str, Any]:
    return {
        "first_name": first,
        "last_name": "L",
        "image_url": "https://img",
        "primary_email_address_id": "e2",
        "email_addresses": [
            {"id": "e1", "email_address": "old@example.com"},
            {"id": "e2", "email_address": email, "verification": {"status": "verified"}},
        ],
        **more,
    }


async def the_user() -> User | None:
    return await User.find_one({"clerkId": "user_1"})


async def test_a_user_is_created_updated_and_deleted(store: Store) -> None:
    worker = IdentityWorker()
    await worker.handle(event("created", **person()))
    user = await the_user()
    assert user is not None
    assert (user.email, user.name, user.avatar, user.email_verified) == (
        "ada@example.com",
        "Ada L",
        "https://img",
        True,
    )
    await worker.handle(event("updated", 1, **person("Augusta", banned=True)))
    user = await the_user()
    assert user is not None
    assert (user.first_name, user.is_active) == ("Augusta", False)
    await worker.handle(event("deleted", 2, deleted=True))
    assert await the_user() is None
    assert await User.deleted.find_one({"clerkId": "user_1"}) is not None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_in_any_order_and_twice_the_last_event_counts(store: Store, order: tuple[int, ...]) -> None:
    events = [
        event("created", 0, **person()),
        event("updated", 1, **person("Augusta")),
        event("deleted", 2),
    ]
    for place in (*order, *order):
        await IdentityWorker().handle(events[place])
    assert await the_user() is None
    assert await User.with_deleted.find({"clerkId": "user_1"}).count() <= 1


async def test_one_who_was_deleted_and_came_back_is_the_same(store: Store) -> None:
    worker = IdentityWorker()
    await worker.handle(event("created", 0, **person()))
    first = await the_user()
    await worker.handle(event("deleted", 1))
    await worker.handle(event("created", 2, **person("Again")))
    back = await the_user()
    assert first is not None
    assert back is not None
    assert (back.id, back.first_name) == (first.id, "Again")


def dated(moment: datetime, kind: str = "updated", **data: Any) -> Message:
    return event(kind, round(moment.timestamp() * 1000) - BASE, **data)


async def first_name() -> str | None:
    user = await the_user()
    return user.first_name if user is not None else None


async def test_a_date_far_in_the_future_makes_no_later_event_late(store: Store) -> None:
    worker = IdentityWorker()
    future = dated(datetime(2099, 1, 1, tzinfo=UTC), **person("Future"))
    await worker.handle(dated(utc_now() - timedelta(hours=1), "created", **person("First")))
    await worker.handle(future)
    assert await first_name() == "Future"
    await worker.handle(dated(utc_now() - timedelta(hours=1), **person("Old")))
    assert await first_name() == "Future", "what was sent before is late"
    await worker.handle(dated(utc_now() + timedelta(seconds=1), **person("Later")))
    assert await first_name() == "Later"
    await worker.handle(future)
    assert await first_name() == "Later", "it came again"
    await worker.handle(dated(datetime(2098, 1, 1, tzinfo=UTC), **person("Wrong again")))
    assert await first_name() == "Wrong again"


async def test_clocks_that_are_a_little_ahead_order_their_events(store: Store) -> None:
    worker, soon = IdentityWorker(), utc_now() + TOLERATED_AHEAD / 2
    await worker.handle(dated(soon + timedelta(seconds=1), **person("Second")))
    await worker.handle(dated(soon, **person("First")))
    assert await first_name() == "Second"


async def test_a_future_that_was_kept_before_is_forgotten(store: Store) -> None:
    worker = IdentityWorker()
    await worker.handle(dated(utc_now(), "created", **person("First")))
    states = IdentityState.get_pymongo_collection()
    await states.update_one({}, {"$set": {"latest": datetime(2099, 1, 1, tzinfo=UTC)}})
    await worker.handle(dated(utc_now(), **person("Later")))
    assert await first_name() == "Later"
    state = await IdentityState.find_one()
    assert state is not None
    assert state.latest < utc_now() + timedelta(days=1)


async def test_one_who_is_known_by_the_address_is_linked(store: Store) -> None:
    known = await User(email="ada@example.com", bio="kept").insert()
    await IdentityWorker().handle(event("created", **person()))
    linked = await the_user()
    assert linked is not None
    assert (linked.id, linked.bio) == (known.id, "kept")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"type": "user.exploded", "data": {"id": "u"}}, "type"),
        ({"type": "user.created", "data": {}}, "data.id"),
        ({"type": "user.created", "data": "text"}, "data.id"),
        ({"type": "user.created", "data": {"id": "u"}}, "data.email_addresses"),
        ({"type": "user.created", "timestamp": "soon", "data": {"id": "u"}}, "timestamp"),
        ({"type": "user.created", "timestamp": 10**20, "data": {"id": "u"}}, "timestamp"),
    ],
)
async def test_what_cannot_be_read_names_the_field_and_writes_nothing(
    store: Store, value: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await IdentityWorker().handle(Message("clerk-user-events", json.dumps(value).encode()))
    assert caught.value.field == field
    assert await User.find().count() == 0
