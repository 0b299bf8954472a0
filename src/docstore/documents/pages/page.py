"""What a page is, and how large one may be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from docstore.errors import PageError

T = TypeVar("T")

DEFAULT_LIMIT: Final = 20
"""How many documents a page holds when nothing is said."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A stretch of a sorted query, and the cursors that lead on from both its ends.

    Args:
        items: the documents, in the query's order.
        limit: how many were asked for.
        next_cursor: `after` of the page behind this one; None at the end.
        previous_cursor: `before` of the page in front of this one; None at the beginning.
        has_next: whether there is a page behind. Of a page fetched by `before` it is taken for granted.
        has_previous: whether there is a page in front. Of a page fetched by `after` it is taken for granted.
    """

    items: list[T]
    limit: int
    next_cursor: str | None
    previous_cursor: str | None
    has_next: bool
    has_previous: bool

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class NumberedPage(Generic[T]):
    """Page number `page`, counted from 1, of `total_pages`.

    Args:
        items: the documents, in the query's order; none behind the last page.
        page: the page's number.
        limit: how many documents a page holds.
        total: how many documents the query matches.
        total_pages: how many pages that makes; 0 when nothing matches.
    """

    items: list[T]
    page: int
    limit: int
    total: int
    total_pages: int

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def check_limit(limit: Any, highest: int, collection: str) -> int:
    """`limit`, when it is one.

    Raises:
        PageError: it is no whole number from 1 to `highest`.
    """
    return _whole_number("limit", limit, highest, collection, "More at once is what stream() and to_list() are for.")


def check_number(page: Any, collection: str) -> int:
    """`page`, when it is a page's number.

    Raises:
        PageError: it is no whole number from 1 on.
    """
    return _whole_number("page", page, None, collection, "Pages are counted from 1.")


def _whole_number(name: str, value: Any, highest: int | None, collection: str, hint: str) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number and value >= 1 and (highest is None or value <= highest):
        return int(value)
    bounds = "from 1 on" if highest is None else f"from 1 to {highest}"
    given = str(value) if is_number else type(value).__name__
    raise PageError(
        f"{name} of a page of {collection} is a whole number {bounds}, not {given}.",
        hint=hint,
        collection=collection,
        field=name,
        value_type=type(value).__name__,
    )
