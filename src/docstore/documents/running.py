"""The transaction that a task is in: what it holds, and what every call inside asks of it."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError

from docstore.errors import RefusedOperation

Session = AsyncClientSession | None
AfterCommit = Callable[[], Awaitable[None]]

_TRANSIENT: Final = "TransientTransactionError"


@dataclass
class Transaction:
    """A running transaction.

    Args:
        session: its driver session.
        owned: docstore began it, and commits it.
        committed: it is certain.
        fenced: the rows of the reference fence it holds.
        present: referenced documents, by collection and id, that it has seen and that none but itself can delete.
        writes: how many writes through the guard it holds.
        refused: the first command that the server refused in it, upon which the server ended it.
        ended: it has committed, or not; a task that was started inside and is still running cannot use it.
    """

    session: AsyncClientSession
    owned: bool = True
    committed: bool = False
    fenced: set[str] = field(default_factory=set)
    present: set[tuple[str, Any]] = field(default_factory=set)
    writes: int = 0
    ended: bool = False
    refused: BaseException | None = None
    _doom: BaseException | None = None
    _after_commit: list[AfterCommit] = field(default_factory=list)
    _on_abort: list[Callable[[], None]] = field(default_factory=list)

    def after_commit(self, hook: AfterCommit) -> None:
        """Call `hook` once the transaction has committed; never when it aborts.

        Hooks are called in the order given, all of them even where one fails; the first error is raised at the end.

        Raises:
            RefusedOperation: the transaction was begun on a driver session by somebody who will commit it unseen.
        """
        if not self.owned:
            raise RefusedOperation(
                "after_commit() needs a transaction that docstore commits; this one was begun on a driver session.",
                hint="Open it with: async with transaction(): ...",
            )
        self._after_commit.append(hook)

    def on_abort(self, undo: Callable[[], None]) -> None:
        """Call `undo` when the transaction aborts, the last one given first: memory follows the database."""
        self._on_abort.append(undo)

    def doom(self, error: BaseException) -> None:
        """Let the transaction end in `error` instead of a commit: a write in it stands that must not."""
        self._doom = self._doom or error

    @property
    def doomed_by(self) -> BaseException | None:
        """What it will end in instead of a commit."""
        return self._doom

    @property
    def hooks(self) -> list[AfterCommit]:
        """What follows from its commit, in order."""
        return self._after_commit

    def undo(self) -> None:
        """Call what was given to `on_abort`."""
        for each in reversed(self._on_abort):
            each()


ambient: ContextVar[Transaction | None] = ContextVar("docstore_transaction", default=None)


def current_transaction() -> Transaction | None:
    """The transaction this task is in, or None."""
    running = ambient.get()
    return None if running is None or running.ended else running


def joinable() -> Transaction | None:
    """The transaction that a call joins, or None.

    Raises:
        RefusedOperation: this task was started inside a transaction that has ended.
    """
    running = ambient.get()
    if running is not None and running.ended:
        raise RefusedOperation(
            "this task was started inside a transaction that has ended meanwhile.",
            hint="Await it inside the block, or start it from a hook: running.after_commit(...).",
        )
    return running


def note_write() -> None:
    """Count a write that was made in the ambient transaction."""
    running = ambient.get()
    if running is not None:
        running.writes += 1


def note_refusal(cause: BaseException, told: BaseException) -> None:
    """Keep the first error with which the server ended the ambient transaction, as it was told to the caller.

    MongoDB aborts a transaction with every command that it refuses. Whoever catches the error and goes on meets
    NoSuchTransaction, which calls itself transient: it would be tried again, to the same end, until time is up.
    """
    running = ambient.get()
    if running is None or running.ended or running.refused not in (None, cause):
        return
    if isinstance(cause, OperationFailure) and not is_transient(cause):
        running.refused = told


def is_transient(error: PyMongoError) -> bool:
    """Whether the whole transaction may be tried again, by the server's or the driver's own label."""
    return error.has_error_label(_TRANSIENT)


def ambient_session(session: AsyncClientSession | None = None) -> AsyncClientSession | None:
    """The session a call uses: the one given, else that of the ambient transaction, else None.

    Raises:
        RefusedOperation: this task was started inside a transaction that has ended.
    """
    if session is not None:
        return session
    running = joinable()
    return running.session if running else None
