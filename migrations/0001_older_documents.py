"""Documents as the older services wrote them, brought to today's form.

Deletion was marked in three ways, and is marked in all of today's afterwards; fields and values have their new
spellings; null stands nowhere where a field has a default. A database without older documents is left as it is.
"""

from typing import Any

from bson import ObjectId

from docstore.schema.migrations import Migration

description = "documents of the older services, in today's form"

WITH_DELETED_STATUS = ("Comment", "Post", "Review")

DEFAULTS: dict[str, dict[str, Any]] = {
    "Account": {"isSeeded": False, "isSuspended": False},
    "Author": {"role": "WRITER"},
    "Category": {"keywords": [], "popular": False, "depth": 0},
    "CategoryMapping": {},
    "ClaimedAccount": {"status": "PENDING"},
    "Comment": {"verificationStatus": "IN_PROGRESS", "isEdited": False, "status": "PUBLISHED", "reportCount": 0},
    "CommentVote": {},
    "ContactForm": {},
    "Content": {"status": "DRAFT", "featured": False, "viewCount": 0, "purchaseCount": 0},
    "CrawlerJob": {"status": "PENDING", "priority": 0, "attempts": 0, "maxAttempts": 3},
    "DataRefreshLog": {"status": "PENDING"},
    "EmailEvent": {},
    "EmailRecipient": {
        "delivered": False,
        "opened": False,
        "clicked": False,
        "bounced": False,
        "openCount": 0,
        "clickCount": 0,
    },
    "EmailSend": {"status": "SENT"},
    "Idea": {"topics": [], "status": "NEW", "currentStage": "ROUGH_IDEA"},
    "MagicLink": {},
    "MediaItem": {"status": "UPLOADING"},
    "Member": {
        "unsubscribed": False,
        "totalEmailsReceived": 0,
        "totalEmailsOpened": 0,
        "totalEmailsClicked": 0,
        "totalBounces": 0,
    },
    "Newsletter": {},
    "NewsletterAudience": {"subscribed": True},
    "Note": {"published": False, "tags": []},
    "NoteComment": {},
    "NoteMedia": {"order": 0},
    "NoteStatistics": {"viewCount": 0, "likeCount": 0, "shareCount": 0, "commentCount": 0},
    "OAuthAccount": {},
    "Organization": {},
    "OrganizationAccount": {},
    "OrganizationMember": {"role": "MEMBER", "status": "ACTIVE"},
    "Post": {
        "contentType": "BLOG",
        "featured": False,
        "status": "DRAFT",
        "isNewsletter": False,
        "viewCount": 0,
        "emailsSent": 0,
        "emailsDelivered": 0,
        "emailsOpened": 0,
        "uniqueOpens": 0,
        "broadcastIds": [],
    },
    "QueryLog": {},
    "Review": {
        "verificationStatus": "IN_PROGRESS",
        "isEdited": False,
        "status": "PUBLISHED",
        "reportCount": 0,
        "viewCount": 0,
    },
    "SaveToMyList": {},
    "Session": {},
    "Tag": {},
    "TagOnPost": {},
    "User": {"isActive": True, "emailVerified": False, "role": ["USER"]},
    "VerificationToken": {},
    "Vote": {},
    "WaitlistEntry": {},
    "YouTubeVideo": {"viewCount": 0, "likeCount": 0},
}
"""Collections, with what stands in their fields instead of null."""


SPELLINGS = {
    "Post": [("isFeatured", "featured"), ("canonicalUrl", "metadataCanonicalUrl")],
    "User": [("image", "avatar"), ("imageUrl", "avatar")],
}
"""Old names of fields with today's; where a document has both, today's counts."""

VOTES = {"UP": "UPVOTE", "DOWN": "DOWNVOTE"}


async def up(m: Migration) -> None:
    for collection, names in SPELLINGS.items():
        there = [{old: {"$exists": True}} for old, _ in names]
        fields = tuple(name for pair in names for name in pair)
        await m.transform(collection, "names of fields", _Renaming(names), where={"$or": there}, fields=fields)
    await m.transform("User", "roles as a list", list_roles, where={"role": {"$type": "string"}}, fields=("role",))
    for collection in ("Vote", "CommentVote"):
        old_votes = {"type": {"$in": list(VOTES)}}
        await m.transform(collection, "names of votes", rename_vote, where=old_votes, fields=("type",))
    for collection, defaults in DEFAULTS.items():
        if defaults:
            nulls = [{field: {"$type": "null"}} for field in defaults]
            await m.transform(collection, "no null", _Filling(defaults), where={"$or": nulls}, fields=tuple(defaults))
        await m.transform(
            collection,
            "one mark of deletion",
            mark_deleted,
            where={"$or": _marked(collection)},
            fields=("isDeleted", "deletedAt", "status", "updatedAt", "createdAt"),
        )


async def down(m: Migration) -> None:
    for collection, defaults in reversed(DEFAULTS.items()):
        await m.undo_transform(collection, "one mark of deletion")
        if defaults:
            await m.undo_transform(collection, "no null")
    for collection in ("CommentVote", "Vote"):
        await m.undo_transform(collection, "names of votes")
    await m.undo_transform("User", "roles as a list")
    for collection in reversed(SPELLINGS):
        await m.undo_transform(collection, "names of fields")


class _Renaming:
    """Gives fields their names of today."""

    def __init__(self, names: list[tuple[str, str]]) -> None:
        self.names = names

    def __call__(self, document: dict[str, Any]) -> None:
        for old, new in self.names:
            if old in document:
                value = document.pop(old)
                if document.get(new) is None:
                    document[new] = value


def list_roles(document: dict[str, Any]) -> None:
    """A user has several roles; the older services knew one."""
    if isinstance(document.get("role"), str):
        document["role"] = [document["role"]]


def rename_vote(document: dict[str, Any]) -> None:
    """Votes have longer names."""
    document["type"] = VOTES.get(document["type"], document["type"])


class _Filling:
    """Puts defaults where null stands."""

    def __init__(self, defaults: dict[str, Any]) -> None:
        self.defaults = defaults

    def __call__(self, document: dict[str, Any]) -> None:
        for field, value in self.defaults.items():
            if field in document and document[field] is None:
                document[field] = value


def mark_deleted(document: dict[str, Any]) -> None:
    """A deleted document bears both marks; when it was deleted is not known, so when it was last changed stands in."""
    status = document.get("status")
    if not document.get("isDeleted") and document.get("deletedAt") is None and status != "DELETED":
        return
    document["isDeleted"] = True
    if document.get("deletedAt") is None:
        changed = document.get("updatedAt") or document.get("createdAt")
        made = document["_id"].generation_time if isinstance(document["_id"], ObjectId) else None
        document["deletedAt"] = changed or made
        if document["deletedAt"] is None:
            del document["deletedAt"]


def _marked(collection: str) -> list[dict[str, Any]]:
    marks: list[dict[str, Any]] = [
        {"isDeleted": True, "deletedAt": None},
        {"deletedAt": {"$ne": None}, "isDeleted": {"$ne": True}},
    ]
    if collection in WITH_DELETED_STATUS:
        marks += [
            {"status": "DELETED", "isDeleted": {"$ne": True}},
            {"status": "DELETED", "deletedAt": None},
        ]
    return marks
