"""What a write to a collection brings with it: a transaction, images of the documents, hooks."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from docstore.documents.changes import Change, ChangeKind
from docstore.documents.guard.filters import conjunction
from docstore.documents.guard.ids import as_key
from docstore.documents.guard.owners import may_move
from docstore.documents.guard.policy import GuardRegistry, Policy
from docstore.documents.guard.predicate import DELETED
from docstore.documents.guard.references import ReferenceKeeper
from docstore.documents.guard.targets import Target
from docstore.documents.transactions import (
    Session,
    current_transaction,
    note_write,
    open_transaction,
    run_in_transaction,
)
from docstore.errors import DeletedDocument

R = TypeVar("R")
Document = dict[str, Any]

BATCH = 1000
"""Documents in one Change: images of a large write never stand in memory all at once."""

_READ_OPTIONS = ("collation", "hint", "let", "sort")


class Effects:
    """The rules of one collection, as its writes need them.

    Args:
        raw: the plain collection.
        registry: knows whether deletes mark, and what follows from a write.
    """

    def __init__(self, raw: AsyncCollection[Document], registry: GuardRegistry) -> None:
        self._raw = raw
        self._registry = registry

    @property
    def raw(self) -> AsyncCollection[Document]:
        """The plain collection."""
        return self._raw

    @property
    def _policy(self) -> Policy:
        return self._registry.policy(self._raw.name)

    @property
    def observed(self) -> bool:
        """Whether something follows from a write to this collection."""
        return self._policy.observed

    @property
    def marks(self) -> bool:
        """Whether a delete here marks."""
        return self._policy.soft_delete

    @property
    def keeper(self) -> ReferenceKeeper | None:
        """Keeps the references from and to this collection whole, where there are any."""
        return self._policy.keeper

    @property
    def spreads_deletion(self) -> bool:
        """Whether a deletion here concerns documents that refer to the deleted."""
        return self.keeper is not None and self.keeper.is_referred_to

    def counted(self, update: Any) -> Any:
        """A stamped update as it will run: where documents are versioned, it counts the version up."""
        return self._policy.counted(update, self._raw.name)

    async def in_transaction(self, work: Callable[[AsyncClientSession], Awaitable[R]], session: Session) -> R:
        """Run `work` in the session's or the ambient transaction, else in one of its own, retried on conflicts."""
        client = self._raw.database.client
        if session is not None:
            async with open_transaction(client, session) as joined:
                return await work(joined.session)

        async def attempt() -> R:
            running = current_transaction()
            assert running is not None
            return await work(running.session)

        return await run_in_transaction(attempt, client=client)

    async def refuse_if_deleted(
        self, wanted: Mapping[str, Any], session: Session, options: Mapping[str, Any] | None = None
    ) -> None:
        """Refuse an upsert that matches nothing but deleted documents, under the write's own collation and variables.

        Raises:
            DeletedDocument: names the collection and the deleted document's id.
        """
        if not self._policy.soft_delete or not wanted:
            return
        reading = {
            name: (options or {})[name] for name in ("collation", "let") if (options or {}).get(name) is not None
        }
        found = await self._raw.find_one(conjunction(wanted, DELETED), {"_id": 1}, session=session, **reading)
        if found is not None:
            raise DeletedDocument(
                f"an upsert on {self._raw.name} matches only a deleted document, {found['_id']}.",
                hint="restore() it, purge() it, or insert a new one on purpose.",
                collection=self._raw.name,
            )

    async def follow_up(
        self,
        kind: ChangeKind,
        ids: Sequence[Any],
        *,
        before: Mapping[Any, Document] | None = None,
        after: Mapping[Any, Document] | None = None,
        reason: str | None = None,
    ) -> None:
        """Call the hooks for one batch of written documents."""
        if not ids:
            return
        note_write()
        change = Change(self._raw.name, kind, tuple(ids), before or {}, after or {}, reason)
        with taking_back():
            for hook in (*self._policy.hooks, *self._policy.reactions):
                await hook(change)

    async def images(
        self, ids: Sequence[Any], session: Session, *, update: Any = None, last: bool = False
    ) -> dict[Any, Document]:
        """The stored documents with these ids as they are before a write, where a hook needs them.

        Args:
            ids: which.
            session: the write's.
            update: what is written next. Where hooks need no images, those are read that it may take from what they
                are a part of.
            last: they are removed for good next.
        """
        if self._policy.images or (last and self._policy.last_images):
            return await self._stored(ids, session)
        moved = may_move(self._policy.owners, update) if update is not None else None
        return await self._stored(ids, session, moved) if moved is not None else {}

    async def later_images(
        self, ids: Sequence[Any], before: Mapping[Any, Document], session: Session
    ) -> dict[Any, Document]:
        """The stored documents as they became, where a hook needs them; `before` are the images before the write."""
        return await self._stored(ids if self._policy.images else list(before), session)

    async def _stored(
        self, ids: Sequence[Any], session: Session, also: Mapping[str, Any] = MappingProxyType({})
    ) -> dict[Any, Document]:
        if not ids:
            return {}
        cursor = self._raw.find({"_id": {"$in": list(ids)}, **also}, session=session)
        return {as_key(document["_id"]): document async for document in cursor}

    async def matching_ids(
        self, target: Target, session: Session, options: Mapping[str, Any], *, many: bool
    ) -> list[Any]:
        """The ids of the documents a write with these options would reach, in its order."""
        reading = {name: options[name] for name in _READ_OPTIONS if options.get(name) is not None}
        sort = reading.pop("sort", None)
        cursor = self._raw.find(target.narrowed, {"_id": 1}, session=session, limit=0 if many else 1, **reading)
        if sort:
            cursor = cursor.sort(list(sort.items()) if isinstance(sort, Mapping) else sort)
        return [as_key(document["_id"]) async for document in cursor]


@contextmanager
def taking_back() -> Iterator[None]:
    """What fails after a write must take the write back, also where the caller catches the error and goes on."""
    try:
        yield
    except BaseException as error:
        running = current_transaction()
        if running is not None:
            running.doom(error)
        raise


def batches(items: Sequence[R], size: int | None = None) -> Iterator[Sequence[R]]:
    """The items in slices, of BATCH by default."""
    size = size or BATCH
    for start in range(0, len(items), size):
        yield items[start : start + size]
