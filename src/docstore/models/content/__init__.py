"""Content of creators and organisations: who belongs where, what was uploaded, what is offered."""

from docstore.models.content.media import MediaItem, MediaStatus, MediaType
from docstore.models.content.organizations import (
    MembershipStatus,
    Organization,
    OrganizationAccount,
    OrganizationMember,
    OrgRole,
)
from docstore.models.content.pieces import Content, ContentKind, ContentStatus

__all__ = [
    "Content",
    "ContentKind",
    "ContentStatus",
    "MediaItem",
    "MediaStatus",
    "MediaType",
    "MembershipStatus",
    "OrgRole",
    "Organization",
    "OrganizationAccount",
    "OrganizationMember",
]
