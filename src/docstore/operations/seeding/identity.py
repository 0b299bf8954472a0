"""Users with their logins, sessions and pending proofs. The first user is the administrator."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Final

from docstore.models import MagicLink, OAuthAccount, Session, User, UserRole, VerificationToken
from docstore.operations.seeding.people import person, picture
from docstore.operations.seeding.plan import Plot, Row, Step

USERS: Final = 60
ADMIN_EMAIL: Final = "admin@example.com"

_AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
)


def user_email(number: int) -> str:
    """The address of a seeded user."""
    return ADMIN_EMAIL if number == 0 else person(number).email


def _users(plot: Plot) -> Iterator[Row]:
    yield {
        "email": ADMIN_EMAIL,
        "clerk_id": "user_seed_0000",
        "name": "Administrator",
        "username": "admin",
        "role": [UserRole.ADMIN, UserRole.USER],
        "email_verified": True,
        "created_at": plot.days_ago(400),
    }
    extra = (UserRole.CREATOR, UserRole.WRITER, UserRole.BRAND)
    for number in range(1, USERS):
        who, rng = person(number), plot.rng("user", number)
        yield {
            "email": who.email,
            "clerk_id": f"user_seed_{number:04}",
            "first_name": who.first,
            "last_name": who.last,
            "name": who.name,
            "username": who.username,
            "avatar": picture("avatars", who.username),
            "bio": f"{who.first} writes from {who.city}." if number % 3 else None,
            "role": [UserRole.USER, extra[number % 3]] if number % 4 == 0 else [UserRole.USER],
            "is_active": number % 19 != 0,
            "email_verified": number % 5 != 0,
            "last_login_at": plot.days_ago(rng.uniform(0, 30)),
            "created_at": plot.days_ago(rng.uniform(40, 390)),
        }


# Tokens are drawn anew and thrown away: a seeded database must not hold a login that anybody could guess.


def _oauth_accounts(plot: Plot) -> Iterator[Row]:
    for number, user_id in enumerate(plot.ids(User)[:24]):
        provider = ("google", "github", "apple")[number % 3]
        yield {
            "provider_id": provider,
            "account_id": f"{provider}-{100_000 + number * 37}",
            "user_id": user_id,
            "access_token": secrets.token_urlsafe(24),
            "access_token_expires_at": plot.days_ago(-1),
            "scope": "openid email profile",
        }


def _sessions(plot: Plot) -> Iterator[Row]:
    for number, user_id in enumerate(plot.ids(User)[:30]):
        yield {
            "access_token": secrets.token_urlsafe(32),
            "refresh_token": secrets.token_urlsafe(32) if number % 2 else None,
            "expires_at": plot.days_ago(-30),
            "user_id": user_id,
            "ip_address": f"192.0.2.{number + 1}",
            "user_agent": _AGENTS[number % len(_AGENTS)],
        }


def _magic_links(plot: Plot) -> Iterator[Row]:
    for number, user_id in enumerate(plot.ids(User)[1:9], 1):
        yield {
            "token": secrets.token_urlsafe(32),
            "email": user_email(number),
            "expires_at": plot.days_ago(-2),
            "used_at": plot.days_ago(0) if number % 2 else None,
            "user_id": user_id,
        }


def _verification_tokens(plot: Plot) -> Iterator[Row]:
    for number in range(5, USERS, 5):
        yield {
            "identifier": user_email(number),
            "value": secrets.token_urlsafe(32),
            "expires_at": plot.days_ago(-7),
        }


IDENTITY_STEPS: Final = (
    Step(User, ("email",), _users),
    Step(OAuthAccount, ("provider_id", "account_id"), _oauth_accounts),
    Step(Session, ("user_id", "ip_address"), _sessions),
    Step(MagicLink, ("email", "user_id"), _magic_links),
    Step(VerificationToken, ("identifier",), _verification_tokens),
)
