"""Identity: users follow what the identity provider says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from docstore.context import acting_as
from docstore.documents import SystemDocument, UtcDateTime, run_in_transaction, server_now
from docstore.errors import ValidationFailed
from docstore.models import User
from docstore.workers.messages import Message

TOPIC: Final = "clerk-user-events"
ACTOR: Final = "worker:identity"

_KINDS: Final = ("user.created", "user.updated", "user.deleted")


TOLERATED_AHEAD: Final = timedelta(minutes=2)
"""How far the clocks of those who send may be ahead of the database's, for their events to be ordered by them."""


class IdentityState(SystemDocument):
    """The latest event of a user of the identity provider that was heeded: an older one comes too late.

    `ahead` is what the last event said of itself whose date was too far in the future to be true.
    """

    id: str  # type: ignore[assignment]  # the provider's own id of the user
    latest: UtcDateTime
    ahead: UtcDateTime | None = None


class IdentityWorker:
    """Consumes ``clerk-user-events``: creates, updates or deletes the User with the provider's id.

    Repeats do nothing, and neither does an event that is older than one that was heeded: a late update does not bring
    back a deleted user. A date further in the future than `TOLERATED_AHEAD` counts as the moment in which it is read:
    a sender whose clock was wrong once does not make all later events late. A user that is known by the e-mail address
    alone is linked, not doubled.
    """

    group: ClassVar[str] = "docstore-identity"
    topics: ClassVar[tuple[str, ...]] = (TOPIC,)

    async def handle(self, message: Message) -> None:
        """Let a user follow an event.

        Raises:
            ValidationFailed: the message is no user event, or a user it tells of cannot be (no e-mail address).
        """
        body = message.json()
        kind, data = body.get("type"), body.get("data")
        clerk_id = data.get("id") if isinstance(data, Mapping) else None
        if kind not in _KINDS or not isinstance(data, Mapping) or not isinstance(clerk_id, str) or not clerk_id:
            raise ValidationFailed(
                f"a message of topic {TOPIC} needs type, data and data.id.",
                hint=f"Types are {', '.join(_KINDS)}.",
                field="type" if kind not in _KINDS else "data.id",
            )
        when = _instant(body, data)

        async def follow() -> None:
            if await _is_late(clerk_id, when):
                return
            await (_delete(clerk_id) if kind == "user.deleted" else _upsert(clerk_id, data))

        with acting_as(ACTOR, request_id=message.event_id):
            await run_in_transaction(follow)


async def _is_late(clerk_id: str, when: datetime) -> bool:
    """Whether an event is not to be heeded; else it is the latest from now on."""
    known = await IdentityState.get(clerk_id)
    latest = known.latest if known is not None else None
    now = await _now_if_any_is_ahead(when, latest)
    ahead = None
    if now is not None and latest is not None and latest > now + TOLERATED_AHEAD:
        latest = None  # kept before such dates were told
    if now is not None and when > now + TOLERATED_AHEAD:
        if known is not None and known.ahead == when:
            return True  # it was heeded; others may have been since
        when, ahead = max(now, latest or now), when
    if latest is not None and when < latest:
        return True
    if known is None:
        await IdentityState(id=clerk_id, latest=when, ahead=ahead).insert()
        return False
    changes = {"latest": when, **({"ahead": ahead} if ahead is not None else {})}
    await IdentityState.get_pymongo_collection().update_one({"_id": clerk_id}, {"$set": changes})
    return False


async def _now_if_any_is_ahead(*moments: datetime | None) -> datetime | None:
    """The database's clock, asked only where a moment seems to be in the future; None where none does."""
    soon = datetime.now(UTC)
    return await server_now(IdentityState) if any(each > soon for each in moments if each is not None) else None


async def _upsert(clerk_id: str, data: Mapping[str, Any]) -> None:
    fields = _fields_of(data)
    email = fields["email"]
    user = await User.find_one({"clerkId": clerk_id}) or await User.find_one({"email": email, "clerkId": None})
    if user is None:
        deleted = await User.deleted.find_one({"clerkId": clerk_id})
        user = await deleted.restore() if deleted is not None else None
    if user is None:
        await User(clerk_id=clerk_id, **fields, webhook_payload=dict(data)).insert()
        return
    for name, value in {**fields, "clerk_id": clerk_id, "webhook_payload": dict(data)}.items():
        setattr(user, name, value)
    await user.save()


async def _delete(clerk_id: str) -> None:
    user = await User.find_one({"clerkId": clerk_id})
    if user is not None:
        await user.delete()


def _fields_of(data: Mapping[str, Any]) -> dict[str, Any]:
    first, last = _text(data, "first_name"), _text(data, "last_name")
    email, verified = _primary_email(data)
    signed_in = data.get("last_sign_in_at")
    return {
        "email": email,
        "email_verified": verified,
        "first_name": first,
        "last_name": last,
        "name": " ".join(part for part in (first, last) if part) or None,
        "username": _text(data, "username"),
        "avatar": _text(data, "image_url", "profile_image_url"),
        "last_login_at": _from_milliseconds(signed_in) if signed_in is not None else None,
        "is_active": not (data.get("banned") or data.get("locked")),
    }


def _primary_email(data: Mapping[str, Any]) -> tuple[str, bool]:
    addresses = [each for each in _list(data.get("email_addresses")) if isinstance(each, Mapping)]
    primary = next((each for each in addresses if each.get("id") == data.get("primary_email_address_id")), None)
    chosen = primary or next(iter(addresses), None)
    email = chosen.get("email_address") if chosen is not None else _text(data, "email")
    if not isinstance(email, str) or not email:
        raise ValidationFailed(
            f"a message of topic {TOPIC} tells of a user without an e-mail address.", field="data.email_addresses"
        )
    verification = chosen.get("verification") if chosen is not None else None
    return email.lower(), isinstance(verification, Mapping) and verification.get("status") == "verified"


def _instant(body: Mapping[str, Any], data: Mapping[str, Any]) -> datetime:
    """When the event happened: as it says itself, else as its user was last updated, else now."""
    for value in (body.get("timestamp"), data.get("updated_at"), data.get("created_at")):
        if value is not None:
            return _from_milliseconds(value)
    return datetime.now(UTC)


def _from_milliseconds(value: Any) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationFailed(
            f"a message of topic {TOPIC} holds an instant that is no number of milliseconds.",
            field="timestamp",
            value_type=type(value).__name__,
        )
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise ValidationFailed(
            f"a message of topic {TOPIC} holds an instant that no calendar has.", field="timestamp"
        ) from None


def _text(data: Mapping[str, Any], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := data.get(name), str) and value), None)


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
