"""Identity: users, the provider logins linked to them, and what proves who they are.

Tokens never rest in the clear: a field of type TokenHash keeps a hash, and a look-up takes the token itself.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr

from docstore.documents import (
    Document,
    DocumentId,
    Email,
    Index,
    Json,
    Many,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    Retention,
    TokenHash,
    UtcDateTime,
    belongs_to,
    has_many,
    index,
    unique,
    utc_now,
)

if TYPE_CHECKING:
    from docstore.models.content.organizations import Organization
    from docstore.models.notes import Note


class UserRole(StrEnum):
    """What a user may do; a user may have several."""

    USER = "USER"
    ADMIN = "ADMIN"
    WRITER = "WRITER"
    CREATOR = "CREATOR"
    BRAND = "BRAND"


def _one_role_as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _only_user() -> list[UserRole]:
    return [UserRole.USER]


class User(Document):
    """A person with an account. Reads the avatar also from its old names `image` and `imageUrl`."""

    email: Email
    clerk_id: str | None = None
    resend_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    name: str | None = None
    username: str | None = None
    avatar: str | None = Field(
        default=None, alias="avatar", validation_alias=AliasChoices("avatar", "image", "imageUrl")
    )
    bio: str | None = None
    role: Annotated[list[UserRole], BeforeValidator(_one_role_as_list)] = Field(default_factory=_only_user)
    is_active: bool = True
    email_verified: bool = False
    last_login_at: UtcDateTime | None = None
    webhook_payload: Json | None = None

    notes: ClassVar[Many["Note"]] = has_many("Note", sort="-created_at", limit=20)
    organizations: ClassVar[Many["Organization"]] = has_many(
        "Organization", through="OrganizationMember", by="user_id", sort="name"
    )

    sensitive: ClassVar[frozenset[str]] = frozenset({"webhook_payload"})
    indexes: ClassVar[Sequence[Index]] = (
        unique("email"),
        unique("clerk_id", when_set=["clerk_id"]),
        unique("username", when_set=["username"]),
    )


class OAuthAccount(Document):
    """A login at another provider, linked to a user. `account_id` is the provider's own id."""

    provider_id: NonEmpty
    account_id: NonEmpty
    user_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None
    id_token: SecretStr | None = None
    access_token_expires_at: UtcDateTime | None = None
    refresh_token_expires_at: UtcDateTime | None = None
    scope: str | None = None

    user: ClassVar[One[User]] = belongs_to("user_id")

    sensitive: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token", "id_token"})
    indexes: ClassVar[Sequence[Index]] = (unique("provider_id", "account_id"),)


class Session(Document):
    """A signed-in browser or device. Expired ones remove themselves."""

    access_token: TokenHash
    refresh_token: TokenHash | None = None
    expires_at: UtcDateTime
    user_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    ip_address: str | None = None
    user_agent: str | None = None

    user: ClassVar[One[User]] = belongs_to("user_id")

    sensitive: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token"})
    retention: ClassVar[Retention | None] = Retention(deleted=timedelta(days=30))
    indexes: ClassVar[Sequence[Index]] = (
        unique("access_token"),
        unique("refresh_token", when_set=["refresh_token"]),
        index("expires_at", serves="the removal of expired sessions", expire_after=0),
    )

    @classmethod
    async def find_by_access_token(cls, token: str) -> Self | None:
        """The living, unexpired session that was given this access token; the token in the clear, not its hash."""
        return await cls._unexpired("access_token", token)

    @classmethod
    async def find_by_refresh_token(cls, token: str) -> Self | None:
        """The living, unexpired session that was given this refresh token; the token in the clear, not its hash."""
        return await cls._unexpired("refresh_token", token)

    @classmethod
    async def _unexpired(cls, attribute: str, token: str) -> Self | None:
        # The server removes expired sessions about once a minute; until then the filter keeps them out.
        return await cls.find_one({attribute: TokenHash.of(token)}, cls.expires_at > utc_now())


class MagicLink(Document):
    """A link that signs in whoever holds it, once, until it expires. Without a user it signs up its address."""

    token: TokenHash
    email: Email
    expires_at: UtcDateTime
    used_at: UtcDateTime | None = None
    user_id: Annotated[DocumentId | None, Ref("User", on_delete=OnDelete.CASCADE)] = None

    user: ClassVar[One[User]] = belongs_to("user_id")

    sensitive: ClassVar[frozenset[str]] = frozenset({"token"})
    retention: ClassVar[Retention | None] = Retention(deleted=timedelta(days=30))
    indexes: ClassVar[Sequence[Index]] = (
        unique("token"),
        index("email", "-created_at", serves="how many links an address asked for of late"),
    )

    @classmethod
    async def find_by_token(cls, token: str) -> Self | None:
        """The living, unexpired, unused link of this token; the token in the clear, not its hash."""
        return await cls.find_one({"token": TokenHash.of(token), "used_at": None}, cls.expires_at > utc_now())

    @classmethod
    async def redeem(cls, token: str) -> Self | None:
        """Use up the link of this token. Of several who try at once exactly one gets the link, the others None."""
        link = await cls.find_by_token(token)
        if link is None:
            return None
        now = utc_now()
        claim = await cls.get_pymongo_collection().update_one(
            {"_id": link.id, "usedAt": None, "expiresAt": {"$gt": now}}, {"$set": {"usedAt": now}}
        )
        return await cls.get(link.id) if claim.modified_count == 1 else None


class VerificationToken(Document):
    """Proof that someone controls an identifier, such as an e-mail address."""

    identifier: NonEmpty
    value: TokenHash
    expires_at: UtcDateTime

    sensitive: ClassVar[frozenset[str]] = frozenset({"value"})
    retention: ClassVar[Retention | None] = Retention(deleted=timedelta(days=30))
    indexes: ClassVar[Sequence[Index]] = (unique("identifier", "value"),)

    @classmethod
    async def find_by_value(cls, identifier: str, value: str) -> Self | None:
        """The living, unexpired token of an identifier; `value` in the clear, not its hash."""
        return await cls.find_one({"identifier": identifier, "value": TokenHash.of(value)}, cls.expires_at > utc_now())
