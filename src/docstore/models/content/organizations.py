"""Organisations, their members and the accounts they represent."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    Many,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    Slug,
    UtcDateTime,
    belongs_to,
    has_many,
    index,
    unique,
    utc_now,
)

if TYPE_CHECKING:
    from docstore.models.identity import User
    from docstore.models.reviews.accounts import Account


class OrgRole(StrEnum):
    """What a member may do in an organisation."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    CREATOR = "CREATOR"
    SUBSCRIBER = "SUBSCRIBER"


class MembershipStatus(StrEnum):
    """Whether a membership stands."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    INVITED = "INVITED"


class Organization(Document):
    """A group under whose name content is offered."""

    name: NonEmpty
    slug: Slug
    description: str | None = None
    logo_url: str | None = None
    website_url: str | None = None

    members: ClassVar[Many["OrganizationMember"]] = has_many("OrganizationMember", sort="joined_at")
    accounts: ClassVar[Many["Account"]] = has_many("Account", through="OrganizationAccount", sort="name")

    indexes: ClassVar[Sequence[Index]] = (unique("slug"),)


class OrganizationMember(Document):
    """That a user belongs to an organisation; at most once."""

    organization_id: Annotated[DocumentId, Ref("Organization", on_delete=OnDelete.CASCADE)]
    user_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    role: OrgRole = OrgRole.MEMBER
    status: MembershipStatus = MembershipStatus.ACTIVE
    invited_by: Annotated[DocumentId | None, Ref("User", on_delete=OnDelete.SET_NULL)] = None
    joined_at: UtcDateTime = Field(default_factory=utc_now)

    organization: ClassVar[One[Organization]] = belongs_to("organization_id")
    user: ClassVar[One["User"]] = belongs_to("user_id")
    inviter: ClassVar[One["User"]] = belongs_to("invited_by")

    indexes: ClassVar[Sequence[Index]] = (
        unique("organization_id", "user_id", serves="whether a user belongs to an organisation"),
        index("user_id", "status", serves="the organisations of a user"),
    )


class OrganizationAccount(Document):
    """That an organisation represents a creator's account; at most once."""

    organization_id: Annotated[DocumentId, Ref("Organization", on_delete=OnDelete.CASCADE)]
    account_id: Annotated[DocumentId, Ref("Account", on_delete=OnDelete.CASCADE)]
    added_at: UtcDateTime = Field(default_factory=utc_now)

    organization: ClassVar[One[Organization]] = belongs_to("organization_id")
    account: ClassVar[One["Account"]] = belongs_to("account_id")

    indexes: ClassVar[Sequence[Index]] = (
        unique("organization_id", "account_id", serves="the accounts of an organisation"),
    )
