"""The namespaces that services share."""

from __future__ import annotations

from typing import Final

DEFAULT: Final = "cache"

NAMESPACES: Final = (DEFAULT, "note_cache", "user_cache", "comment_cache", "job_cache", "post_cache", "account_cache")
"""The names in use; any other name without a hyphen will do."""

_BY_COLLECTION: Final = {
    "Note": "note_cache",
    "User": "user_cache",
    "Comment": "comment_cache",
    "CrawlerJob": "job_cache",
    "Post": "post_cache",
    "Account": "account_cache",
}


def namespace_of(collection: str) -> str:
    """Where the documents of a collection are cached."""
    return _BY_COLLECTION.get(collection, DEFAULT)
