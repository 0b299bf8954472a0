"""Organisations, their people and accounts, uploads in every state, and what is offered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from docstore.models import (
    Account,
    Content,
    ContentKind,
    ContentStatus,
    MediaItem,
    MediaStatus,
    MediaType,
    MembershipStatus,
    Organization,
    OrganizationAccount,
    OrganizationMember,
    OrgRole,
    User,
)
from docstore.operations.seeding.plan import Plot, Row, Step
from docstore.operations.seeding.prose import slug

_ORGANIZATIONS: Final = ("Harbour Street Studio", "Northern Lights Press", "The Slow Radio", "Open Workshop")
_MEDIA: Final = 15
_CONTENT: Final = 24


def _organizations(plot: Plot) -> Iterator[Row]:
    for name in _ORGANIZATIONS:
        yield {
            "name": name,
            "slug": slug(name),
            "description": f"{name} publishes films, talks and texts.",
            "website_url": f"https://{slug(name)}.example.com",
        }


def _members(plot: Plot) -> Iterator[Row]:
    roles = tuple(OrgRole)
    for place, organization_id in enumerate(plot.ids(Organization)):
        members = plot.ids(User)[place * 8 + 1 : place * 8 + 7]
        for number, user_id in enumerate(members):
            yield {
                "organization_id": organization_id,
                "user_id": user_id,
                "role": roles[number % len(roles)],
                "status": MembershipStatus.INVITED if number == 5 else MembershipStatus.ACTIVE,
                "invited_by": members[0] if number else None,
                "joined_at": plot.days_ago(100 - number),
            }


def _accounts(plot: Plot) -> Iterator[Row]:
    for place, organization_id in enumerate(plot.ids(Organization)):
        for account_id in plot.ids(Account)[place * 3 : place * 3 + 3]:
            yield {"organization_id": organization_id, "account_id": account_id, "added_at": plot.days_ago(50)}


def _media(plot: Plot) -> Iterator[Row]:
    statuses = tuple(MediaStatus)
    for number in range(_MEDIA):
        status, video = statuses[number % len(statuses)], number % 3 != 2
        ready, key = status is MediaStatus.READY, f"uploads/seed/{number:04}"
        yield {
            "creator_id": plot.ids(User)[number % 10 + 1],
            "title": f"Recording {number + 1}",
            "media_type": MediaType.VIDEO if video else MediaType.AUDIO,
            "status": status,
            "r2_key": key,
            "mime_type": "video/mp4" if video else "audio/mpeg",
            "file_size_bytes": None if status is MediaStatus.UPLOADING else 9_000_000 + number,
            "uploaded_at": None if status is MediaStatus.UPLOADING else plot.days_ago(number + 1),
            "duration_seconds": 240 + number if ready else None,
            "hls_master_playlist_key": f"{key}/master.m3u8" if ready and video else None,
            "thumbnail_key": f"{key}/thumbnail.jpg" if ready and video else None,
            "waveform_key": None if video or not ready else f"{key}/waveform.json",
        }


def _contents(plot: Plot) -> Iterator[Row]:
    kinds, statuses = tuple(ContentKind), tuple(ContentStatus)
    for number in range(_CONTENT):
        kind, status = kinds[number % len(kinds)], statuses[number // 3 % len(statuses)]
        yield {
            "creator_id": plot.ids(User)[number % 10 + 1],
            "organization_id": plot.ids(Organization)[number % 4] if number % 2 else None,
            "media_item_id": None if kind is ContentKind.WRITTEN else plot.ids(MediaItem)[number % _MEDIA],
            "title": f"Chapter {number + 1}",
            "slug": f"chapter-{number + 1}",
            "description": "A piece of a longer work.",
            "content_type": kind,
            "status": status,
            "published_at": None if status is ContentStatus.DRAFT else plot.days_ago(number + 1),
            "featured": number % 6 == 0,
            "price_cents": 500 * (number % 4),
            "view_count": 30 * number,
            "purchase_count": number // 3,
        }


CONTENT_STEPS: Final = (
    Step(Organization, ("slug",), _organizations),
    Step(OrganizationMember, ("organization_id", "user_id"), _members),
    Step(OrganizationAccount, ("organization_id", "account_id"), _accounts),
    Step(MediaItem, ("r2_key",), _media),
    Step(Content, ("creator_id", "slug"), _contents),
)
