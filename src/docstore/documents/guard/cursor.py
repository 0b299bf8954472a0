"""A find cursor whose way back leads to the guarded collection."""

from typing import Any, NoReturn

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor, AsyncRawBatchCursor

from docstore.errors import UnsafeFilter


class _Guarded:
    _guarded: AsyncCollection[dict[str, Any]]

    @property
    def collection(self) -> AsyncCollection[dict[str, Any]]:
        """The guarded collection this cursor reads."""
        return self._guarded

    def where(self, code: object) -> NoReturn:
        """Refused: a script in the database."""
        raise UnsafeFilter(
            f"cursor.where() runs a script in the database; {self._guarded.name} refuses it.",
            hint="Say it in the filter with $expr.",
            collection=self._guarded.name,
        )

    def _clone_base(self, session: Any) -> Any:
        clone = super()._clone_base(session)  # type: ignore[misc]  # mixed into PyMongo's cursors
        clone._guarded = self._guarded
        return clone


class GuardedCursor(_Guarded, AsyncCursor[dict[str, Any]]):  # type: ignore[misc]  # `where` is refused on purpose
    """PyMongo's cursor over the documents in scope."""


class GuardedRawBatchCursor(_Guarded, AsyncRawBatchCursor[dict[str, Any]]):  # type: ignore[misc]  # as above
    """PyMongo's raw batch cursor over the documents in scope."""


def guard_cursor(
    cursor_class: type[Any],
    raw: AsyncCollection[dict[str, Any]],
    guarded: AsyncCollection[dict[str, Any]],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """A cursor of `cursor_class` that reads `raw` and names `guarded` as its collection."""
    cursor = cursor_class(raw, *args, **kwargs)
    cursor._guarded = guarded
    return cursor
