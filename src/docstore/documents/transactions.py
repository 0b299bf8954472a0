"""The ambient transaction: what is written inside `async with transaction()` commits together or not at all.

Owns sessions, joining, retries and after-commit hooks. Which client is used is said once, at binding.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from docstore.documents.driver_errors import translated
from docstore.errors import DocstoreError, NotBound, RefusedOperation, ServiceError

P = ParamSpec("P")
R = TypeVar("R")
Client = AsyncMongoClient[dict[str, Any]]
Session = AsyncClientSession | None
AfterCommit = Callable[[], Awaitable[None]]

RETRY_SECONDS: Final = 30.0
"""How long transient conflicts are retried before the last one is raised."""

_NO_TRANSACTIONS: Final = 20
_COMMIT_ATTEMPTS: Final = 5

_log = logging.getLogger("docstore.transactions")


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
        ended: it has committed, or not; a task that was started inside and is still running cannot use it.
    """

    session: AsyncClientSession
    owned: bool = True
    committed: bool = False
    fenced: set[str] = field(default_factory=set)
    present: set[tuple[str, Any]] = field(default_factory=set)
    writes: int = 0
    ended: bool = False
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

    def _undo(self) -> None:
        for undo in reversed(self._on_abort):
            undo()


_current: ContextVar[Transaction | None] = ContextVar("docstore_transaction", default=None)
_default_client: list[Client] = []


def use_client(client: Client | None) -> None:
    """Make `client` the one that `transaction()` opens its sessions on; None forgets it."""
    _default_client[:] = [client] if client is not None else []


def current_transaction() -> Transaction | None:
    """The transaction this task is in, or None."""
    running = _current.get()
    return None if running is None or running.ended else running


def _joinable() -> Transaction | None:
    running = _current.get()
    if running is not None and running.ended:
        raise RefusedOperation(
            "this task was started inside a transaction that has ended meanwhile.",
            hint="Await it inside the block, or start it from a hook: running.after_commit(...).",
        )
    return running


def note_write() -> None:
    """Count a write that was made in the ambient transaction."""
    running = _current.get()
    if running is not None:
        running.writes += 1


def ambient_session(session: AsyncClientSession | None = None) -> AsyncClientSession | None:
    """The session a call uses: the one given, else that of the ambient transaction, else None.

    Raises:
        RefusedOperation: this task was started inside a transaction that has ended.
    """
    if session is not None:
        return session
    running = _joinable()
    return running.session if running else None


@asynccontextmanager
async def transaction() -> AsyncIterator[Transaction]:
    """Commit everything inside the block together, or nothing of it.

    A nested block joins the outer one. When it fails after it wrote something, the outer one cannot commit any more: it
    ends in that error, even where the error was caught in between.

    Reads see a snapshot; writes are acknowledged by a majority and journaled.
    The block is not retried: for that use `run_in_transaction` or `@transactional`. Tasks started inside share the
    session, which serves one call at a time: await them one after the other, and before the block ends.

    Raises:
        NotBound: no Store is open.
        ServiceError: the server has no transactions.
    """
    joined = _joinable()
    if joined is not None:
        with _all_or_nothing(joined):
            yield joined
        return
    if not _default_client:
        raise NotBound("a transaction needs an open Store.", hint="Open one: async with Store.from_env() as store: ...")
    async with open_transaction(_default_client[0]) as opened:
        yield opened


@asynccontextmanager
async def open_transaction(client: Client, session: AsyncClientSession | None = None) -> AsyncIterator[Transaction]:
    """Join the ambient transaction, or `session`'s, or open a new one on `client`."""
    joined = _joinable() if session is None else _current.get()
    if joined is not None and session in (None, joined.session):
        yield joined
        return
    if session is not None:
        async with _on_session(session) as on_given:
            yield on_given
        return
    async with client.start_session() as own, _on_session(own) as opened:
        yield opened


async def run_in_transaction(work: Callable[[], Awaitable[R]], *, client: Client | None = None) -> R:
    """Run `work` in a transaction, again from its start when it loses a race (labels say so).

    Inside a transaction it joins that one, as a nested block does, and is not repeated by itself.

    Args:
        work: called without arguments, possibly several times: it must have no effects outside the database.
        client: the client to open it on; the bound one by default.

    Returns:
        What `work` returned in the attempt that committed.
    """
    joined = _joinable()
    if joined is not None:
        with _all_or_nothing(joined):
            return await work()
    deadline = time.monotonic() + RETRY_SECONDS
    attempt = 0
    while True:
        running: Transaction | None = None
        try:
            async with open_transaction(client) if client is not None else transaction() as running:
                return await work()
        except (PyMongoError, DocstoreError) as error:
            attempt += 1
            pause = min(0.005 * 1.7**attempt, 0.5) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
            certain = running is not None and running.committed
            if certain or not _is_transient(error) or time.monotonic() + pause > deadline:
                with translated("the transaction") if _is_transient(error) else nullcontext():
                    raise
            await asyncio.sleep(pause)


def transactional(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Decorate a coroutine function so that each call runs in a transaction, retried on conflicts."""

    @wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return await run_in_transaction(lambda: function(*args, **kwargs))

    return wrapper


@contextmanager
def _all_or_nothing(joined: Transaction) -> Iterator[None]:
    """Around a nested block: there are no savepoints, so what it wrote before it failed goes with all the rest."""
    before = joined.writes
    try:
        yield
    except BaseException as error:
        if joined.writes > before:
            joined.doom(error)
        raise


@asynccontextmanager
async def _on_session(session: AsyncClientSession) -> AsyncIterator[Transaction]:
    running = Transaction(session, owned=not _is_open(session))
    if _is_open(session):  # somebody else's: they commit it
        token = _current.set(running)
        try:
            yield running
        finally:
            running.ended = True
            _current.reset(token)
            if running._doom is not None and _is_open(session):
                await asyncio.shield(session.abort_transaction())
        return
    await session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=WriteConcern("majority", j=True),
        read_preference=ReadPreference.PRIMARY,
    )
    token = _current.set(running)
    try:
        yield running
        _raise_doom(running._doom)
    except BaseException as error:
        if _is_open(session):
            await asyncio.shield(session.abort_transaction())
        running._undo()
        _explain(error)
        raise
    finally:
        running.ended = True
        _current.reset(token)
    try:
        await _commit(session)
    except BaseException:
        running._undo()
        raise
    running.committed = True
    await _follow(running._after_commit)


def _raise_doom(doom: BaseException | None) -> None:
    if isinstance(doom, Exception):
        raise doom
    if doom is not None:  # a cancellation was caught in between: raised here it would look like another one
        raise RefusedOperation(
            "the transaction cannot commit: a part of it was cancelled when it had written something.",
            hint="Put the time limit round the whole block.",
        ) from doom


async def _follow(hooks: Sequence[AfterCommit]) -> None:
    """Call every hook, because what they follow from is certain; then raise what the first one failed with."""
    failed: Exception | None = None
    for hook in hooks:
        try:
            await hook()
        except Exception as error:
            if failed is not None:
                _log.exception("another hook failed after a commit")
            failed = failed or error
    if failed is not None:
        raise failed


def _is_transient(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ServerSelectionTimeoutError):
            return False  # labelled too, but the driver has looked for a server as long as it was told to
        if isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError"):
            return True
        error = error.__cause__
    return False


def _is_open(session: AsyncClientSession) -> bool:
    return session.in_transaction


async def _commit(session: AsyncClientSession) -> None:
    for attempt in range(1, _COMMIT_ATTEMPTS + 1):
        try:
            await session.commit_transaction()
            return
        except PyMongoError as error:
            _explain(error)
            if not error.has_error_label("UnknownTransactionCommitResult") or attempt == _COMMIT_ATTEMPTS:
                with translated("the transaction"):
                    raise
            await asyncio.sleep(0.05 * attempt)


def _explain(error: BaseException) -> None:
    if isinstance(error, OperationFailure) and error.code == _NO_TRANSACTIONS:
        raise ServiceError(
            "this MongoDB server has no transactions: it is not part of a replica set.",
            hint="Start it as a one-node replica set (mongod --replSet rs0, then rs.initiate()).",
        ) from error
