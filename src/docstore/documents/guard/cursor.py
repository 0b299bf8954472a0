"""A find cursor whose way back leads to the guarded collection."""

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pymongo.asynchronous.cursor import AsyncCursor, AsyncRawBatchCursor

from docstore.errors import UnsafeFilter

if TYPE_CHECKING:
    from docstore.documents.guard.reading import ReadingCollection

CursorT = TypeVar("CursorT", bound="AsyncCursor[dict[str, Any]]")


class _Guarded:
    _guarded: "ReadingCollection"

    @property
    def collection(self) -> "ReadingCollection":
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


class GuardedCursor(_Guarded, AsyncCursor[dict[str, Any]]):
    """PyMongo's cursor over the documents in scope."""


class GuardedRawBatchCursor(_Guarded, AsyncRawBatchCursor[dict[str, Any]]):
    """PyMongo's raw batch cursor over the documents in scope."""


def guard_cursor(cursor_class: type[CursorT], guarded: "ReadingCollection", /, *args: Any, **kwargs: Any) -> CursorT:
    """A cursor of `cursor_class` that reads the plain collection and names `guarded` as its own."""
    cursor = cursor_class(guarded.raw, *args, **kwargs)
    cursor._guarded = guarded  # type: ignore[attr-defined]  # the mixin's
    return cursor
