"""Tokens that never rest in the clear, and look-ups by them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from pydantic import ValidationError
from pymongo.asynchronous.database import AsyncDatabase

from docstore import Store
from docstore.documents import TokenHash, utc_now
from docstore.errors import UniqueViolation
from docstore.models import MagicLink, OAuthAccount, Session, User, UserRole, VerificationToken

SECRET = "a-token-of-many-random-characters"


async def a_user() -> User:
    return await User(email="ada@example.com").insert()


async def a_session(user: User, token: str = SECRET, minutes: int = 5) -> Session:
    return await Session(
        access_token=token,
        refresh_token=f"r-{token}",
        expires_at=utc_now() + timedelta(minutes=minutes),
        user_id=user.id,
    ).insert()


async def test_only_a_hash_is_stored(store: Store, database: AsyncDatabase[dict[str, Any]]) -> None:
    session = await a_session(await a_user())
    stored = await database["Session"].find_one({"_id": session.id})
    assert stored is not None
    assert stored["accessToken"] == TokenHash.of(SECRET)
    assert SECRET not in str(stored)
    assert SECRET not in repr(session)


async def test_sessions_are_found_by_token_but_not_by_hash(store: Store) -> None:
    session = await a_session(await a_user())
    by_access = await Session.find_by_access_token(SECRET)
    by_refresh = await Session.find_by_refresh_token(f"r-{SECRET}")
    assert by_access is not None
    assert by_refresh is not None
    assert by_access.id == by_refresh.id == session.id
    assert await Session.find_by_access_token(session.access_token) is None
    assert await Session.find_by_access_token("another") is None


async def test_expired_and_deleted_sessions_are_not_found(store: Store) -> None:
    user = await a_user()
    await a_session(user, "expired", minutes=-1)
    deleted = await a_session(user, "deleted")
    await deleted.delete()
    assert await Session.find_by_access_token("expired") is None
    assert await Session.find_by_access_token("deleted") is None


async def test_saving_a_loaded_session_does_not_hash_the_hash(store: Store) -> None:
    session = await a_session(await a_user())
    loaded = await Session.get(session.id)
    assert loaded is not None
    loaded.ip_address = "::1"
    await loaded.save()
    assert await Session.find_by_access_token(SECRET) is not None


async def test_access_tokens_are_unique_and_refresh_tokens_when_set(store: Store) -> None:
    user = await a_user()
    await a_session(user)
    with pytest.raises(UniqueViolation):
        await a_session(user)
    for token in ("one", "two"):
        await Session(access_token=token, expires_at=utc_now() + timedelta(hours=1), user_id=user.id).insert()


async def test_a_magic_link_is_redeemed_once(store: Store) -> None:
    await MagicLink(token=SECRET, email="ada@example.com", expires_at=utc_now() + timedelta(minutes=5)).insert()
    tries = await asyncio.gather(*(MagicLink.redeem(SECRET) for _ in range(5)))
    [winner] = [link for link in tries if link is not None]
    assert winner.used_at is not None
    assert await MagicLink.find_by_token(SECRET) is None
    assert await MagicLink.redeem("unknown") is None


async def test_an_expired_magic_link_is_not_redeemed(store: Store) -> None:
    await MagicLink(token=SECRET, email="ada@example.com", expires_at=utc_now() - timedelta(seconds=1)).insert()
    assert await MagicLink.redeem(SECRET) is None


async def test_verification_tokens_are_found_by_identifier_and_value(store: Store) -> None:
    await VerificationToken(
        identifier="ada@example.com", value=SECRET, expires_at=utc_now() + timedelta(minutes=5)
    ).insert()
    assert await VerificationToken.find_by_value("ada@example.com", SECRET) is not None
    assert await VerificationToken.find_by_value("eve@example.com", SECRET) is None


async def test_provider_tokens_are_stored_and_kept_out_of_repr(store: Store) -> None:
    user = await a_user()
    account = await OAuthAccount(provider_id="github", account_id="1", user_id=user.id, access_token=SECRET).insert()
    loaded = await OAuthAccount.get(account.id)
    assert loaded is not None
    assert loaded.access_token is not None
    assert loaded.access_token.get_secret_value() == SECRET
    assert SECRET not in repr(loaded)
    assert SECRET not in str(loaded)


def test_a_refused_token_is_not_in_the_message() -> None:
    with pytest.raises(ValidationError) as refusal:
        OAuthAccount(provider_id="", account_id="1", user_id=ObjectId(), access_token=SECRET)
    assert SECRET not in str(refusal.value)


def test_a_new_user_is_a_user() -> None:
    user = User(email="ada@example.com")
    assert user.role == [UserRole.USER]
    assert user.role is not User(email="eve@example.com").role
    assert User(email="ada@example.com", role="ADMIN").role == [UserRole.ADMIN]


async def test_users_without_clerk_id_or_username_stand_side_by_side(store: Store) -> None:
    await User(email="a@example.com").insert()
    await User(email="b@example.com").insert()
    await User(email="c@example.com", username="c").insert()
    with pytest.raises(UniqueViolation):
        await User(email="d@example.com", username="c").insert()
