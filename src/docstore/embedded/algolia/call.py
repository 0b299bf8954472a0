"""A request as the handlers see it, without HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from docstore.embedded.algolia.catalog import Catalog
from docstore.embedded.algolia.errors import bad_request


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server refuses to take.

    Attributes:
        record_bytes: the largest record, as compact JSON. Algolia's plans allow 10 KB to 100 KB.
        body_bytes: the largest request body.
    """

    record_bytes: int = 100_000
    body_bytes: int = 10_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        catalog: the indexes.
        limits: what is too large.
        path: the variable parts of the path, decoded.
        query: the URL's query parameters.
        body: the parsed JSON body; None when there was none.
        acls: what the caller's key allows.
    """

    catalog: Catalog
    limits: Limits
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    acls: tuple[str, ...] = ()

    @property
    def index(self) -> str:
        """The index named in the path."""
        return self.path["index"]

    @property
    def object_id(self) -> str:
        """The record, synonym or rule named in the path."""
        return self.path["object"]

    def mapping(self) -> dict[str, Any]:
        """The body as an object; an empty one when there is none.

        Raises:
            ApiError: 400, it is something else.
        """
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise bad_request("A JSON object was expected in the request body")
        return self.body

    def listing(self, member: str | None = None) -> list[Any]:
        """The body, or one member of it, as a list.

        Raises:
            ApiError: 400, it is something else.
        """
        value = self.body if member is None else self.mapping().get(member)
        if not isinstance(value, list):
            raise bad_request(f"{member or 'The request body'}: a list was expected")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean query parameter."""
        given = self.query.get(name)
        return default if given is None else given.lower() in ("true", "1")


Answer = Mapping[str, Any] | tuple[int, Mapping[str, Any]]
"""The JSON to answer with, and the status where it is not 200."""

Handler = Callable[[Call], Answer]
