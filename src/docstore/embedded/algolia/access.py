"""Who may do what: the two keys of the local application."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from docstore.embedded.algolia.errors import ApiError
from docstore.embedded.endpoints import ALGOLIA_APP_ID, ALGOLIA_SEARCH_KEY, ALGOLIA_WRITE_KEY

_SEARCH_ACL = ("search", "browse")
_WRITE_ACL = (
    *_SEARCH_ACL,
    "addObject",
    "deleteObject",
    "deleteIndex",
    "settings",
    "editSettings",
    "listIndexes",
)


@dataclass(frozen=True, slots=True)
class Access:
    """The application's id and keys. The search key reads, the write key does everything."""

    app_id: str = ALGOLIA_APP_ID
    write_key: str = ALGOLIA_WRITE_KEY
    search_key: str = ALGOLIA_SEARCH_KEY

    def acls(self, headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, ...]:
        """What the caller may do; credentials come as headers or as query parameters.

        Raises:
            ApiError: 403, application id or key are wrong or missing.
        """
        app_id = _given("X-Algolia-Application-Id", headers, query)
        key = _given("X-Algolia-API-Key", headers, query)
        if _same(app_id, self.app_id):
            if _same(key, self.write_key):
                return _WRITE_ACL
            if _same(key, self.search_key):
                return _SEARCH_ACL
        raise ApiError(403, "Invalid Application-ID or API key")

    def allow(self, acls: tuple[str, ...], needed: str, path: Mapping[str, str]) -> None:
        """Check one call.

        Raises:
            ApiError: 403, the key lacks the right.
        """
        if needed == "own key":
            mine = self.write_key if "addObject" in acls else self.search_key
            if "addObject" in acls or _same(path["key"], mine):
                return
        elif needed in acls:
            return
        raise ApiError(403, "Method not allowed with this API key")

    def acls_of(self, key: str) -> tuple[str, ...]:
        """What a key allows.

        Raises:
            ApiError: 404, there is no such key.
        """
        if _same(key, self.write_key):
            return _WRITE_ACL
        if _same(key, self.search_key):
            return _SEARCH_ACL
        raise ApiError(404, "Key does not exist")


def _given(name: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    if name in headers:
        return headers[name]
    return next((value for key, value in query.items() if key.lower() == name.lower()), "")


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
