"""The ambient transaction: what is written inside `async with transaction()` commits together or not at all.

Owns sessions, joining, retries and after-commit hooks. Which client is used is said once, at binding.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from docstore._tasks import Cancellations
from docstore.documents.driver_errors import translated
from docstore.documents.running import (
    AfterCommit,
    Session,
    Transaction,
    ambient,
    ambient_session,
    current_transaction,
    is_transient,
    joinable,
    note_refusal,
    note_write,
)
from docstore.errors import DocstoreError, NotBound, RefusedOperation, ServiceError

__all__ = [
    "RETRY_SECONDS",
    "AfterCommit",
    "Client",
    "Session",
    "Transaction",
    "ambient_session",
    "current_transaction",
    "note_write",
    "open_transaction",
    "run_in_transaction",
    "transaction",
    "transactional",
    "use_client",
]

P = ParamSpec("P")
R = TypeVar("R")
Client = AsyncMongoClient[dict[str, Any]]

RETRY_SECONDS: Final = 30.0
"""How long transient conflicts are retried before the last one is raised."""

_NO_TRANSACTIONS: Final = 20
_NO_SUCH_TRANSACTION: Final = 251
_COMMIT_ATTEMPTS: Final = 5

_log = logging.getLogger("docstore.transactions")


_default_client: list[Client] = []


def use_client(client: Client | None) -> None:
    """Make `client` the one that `transaction()` opens its sessions on; None forgets it."""
    _default_client[:] = [client] if client is not None else []


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
    joined = joinable()
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
    joined = joinable() if session is None else ambient.get()
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
    joined = joinable()
    if joined is not None:
        with _all_or_nothing(joined):
            return await work()
    deadline = time.monotonic() + RETRY_SECONDS
    attempt = 0
    cancellations = Cancellations()
    while True:
        running: Transaction | None = None
        try:
            async with open_transaction(client) if client is not None else transaction() as running:
                return await work()
        except (PyMongoError, DocstoreError) as error:
            cancellations.raise_lost()
            attempt += 1
            pause = min(0.005 * 1.7**attempt, 0.5) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
            certain = running is not None and running.committed
            if certain or not _is_transient(error) or time.monotonic() + pause > deadline:
                with translated("the transaction") if _is_transient(error) else nullcontext():
                    raise
            await asyncio.sleep(pause)


def transactional(function: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
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
        note_refusal(error, error)
        if joined.writes > before:
            joined.doom(error)
        raise


@asynccontextmanager
async def _on_session(session: AsyncClientSession) -> AsyncIterator[Transaction]:
    running = Transaction(session, owned=not _is_open(session))
    if _is_open(session):  # somebody else's: they commit it
        token = ambient.set(running)
        try:
            yield running
        finally:
            running.ended = True
            ambient.reset(token)
            if running.doomed_by is not None and _is_open(session):
                await asyncio.shield(session.abort_transaction())
        return
    await session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=WriteConcern("majority", j=True),
        read_preference=ReadPreference.PRIMARY,
    )
    token = ambient.set(running)
    try:
        yield running
        _raise_doom(running.doomed_by)
    except BaseException as error:
        if _is_open(session):
            await asyncio.shield(session.abort_transaction())
        running.undo()
        _explain(error)
        _raise_refusal(running, error)
        raise
    finally:
        running.ended = True
        ambient.reset(token)
    try:
        await _commit(session)
    except BaseException as error:
        running.undo()
        _raise_refusal(running, error)
        raise
    running.committed = True
    await _follow(running.hooks)


def _raise_doom(doom: BaseException | None) -> None:
    if isinstance(doom, Exception):
        raise doom
    if doom is not None:  # a cancellation was caught in between: raised here it would look like another one
        raise RefusedOperation(
            "the transaction cannot commit: a part of it was cancelled when it had written something.",
            hint="Put the time limit round the whole block.",
        ) from doom


def _raise_refusal(running: Transaction, error: BaseException) -> None:
    """Where the transaction was gone because of an error that was caught in it, raise that one."""
    if running.refused is None or not any(
        isinstance(each, OperationFailure) and each.code == _NO_SUCH_TRANSACTION for each in _causes(error)
    ):
        return
    running.refused.add_note(
        "It was caught inside the transaction, which the server had ended with it. Catch it outside the block, or look "
        "before you write."
    )
    raise running.refused


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


def _is_transient(error: BaseException) -> bool:
    causes = list(_causes(error))
    if any(isinstance(each, ServerSelectionTimeoutError) for each in causes):
        return False  # labelled too, but the driver has looked for a server as long as it was told to
    return any(isinstance(each, PyMongoError) and is_transient(each) for each in causes)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


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
