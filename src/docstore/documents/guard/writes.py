"""How a guarded write runs: plainly where nothing follows from it, else in a transaction with what follows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.results import DeleteResult, UpdateResult

from docstore.documents.changes import Change, ChangeKind
from docstore.documents.guard.filters import conjunction
from docstore.documents.guard.ids import as_key
from docstore.documents.guard.policy import GuardRegistry, Policy
from docstore.documents.guard.predicate import DELETED
from docstore.documents.guard.references import ReferenceKeeper, ReferenceWrite
from docstore.documents.transactions import (
    ambient_session,
    current_transaction,
    note_write,
    open_transaction,
    run_in_transaction,
)
from docstore.errors import DeletedDocument

R = TypeVar("R")
Document = dict[str, Any]
Session = AsyncClientSession | None

BATCH = 1000
"""Documents in one Change: images of a large write never stand in memory all at once."""

_READ_OPTIONS = ("collation", "hint", "let", "sort")


@dataclass(frozen=True, slots=True)
class Target:
    """What a write aims at: the caller's filter, and the same narrowed to the documents in scope."""

    wanted: Mapping[str, Any]
    narrowed: Mapping[str, Any]

    def only(self, ids: Sequence[Any]) -> "Target":
        """The same aim at these ids alone; unchanged where there are none, so that an upsert still can insert."""
        return Target(self.wanted, conjunction(self.narrowed, {"_id": {"$in": list(ids)}})) if ids else self


class Writer:
    """Runs the writes of one collection under its policy.

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

    async def insert(
        self, write: Callable[[Session], Awaitable[R]], documents: Sequence[Document], session: Session
    ) -> R:
        """Run an insert of `documents`, to which the driver gives their ids, and what follows from it."""
        keeper = self.keeper if self.keeper is not None and self.keeper.refers(documents) else None
        if not self.observed and keeper is None:
            inserted = await write(ambient_session(session))
            note_write()
            return inserted

        async def work(joined: AsyncClientSession) -> R:
            if keeper is not None:
                await keeper.check_insert(documents, joined)
            result = await write(joined)
            for batch in batches(documents):
                images = {as_key(document["_id"]): document for document in batch}
                await self.follow_up(ChangeKind.INSERT, list(images), after=images)
            return result

        return await self.in_transaction(work, session)

    async def update(
        self,
        target: Target,
        update: Any,
        session: Session,
        options: Mapping[str, Any],
        *,
        many: bool,
        upsert: bool = False,
        kind: ChangeKind = ChangeKind.UPDATE,
    ) -> UpdateResult:
        """Run ``update_one`` or ``update_many`` with a stamped update, and what follows from it.

        Raises:
            DeletedDocument: an upsert matches only deleted documents, so it would make a second one.
            ReferenceViolation: it makes a document refer to what is not there.
        """
        run = self._raw.update_many if many else self._raw.update_one
        counted = self.counted(update)
        checked = self._reference_write(update, upsert=upsert)

        async def write(aim: Target, joined: Session) -> UpdateResult:
            result = await run(aim.narrowed, counted, session=joined, **options)
            if upsert and not result.matched_count:
                await self.refuse_if_deleted(aim.wanted, joined, options)
                result = await run(aim.narrowed, counted, upsert=True, session=joined, **options)
            if result.acknowledged and (result.matched_count or result.upserted_id is not None):
                note_write()
            return result

        if not self._policy.is_news(update):
            if checked is None:
                return await write(target, ambient_session(session))
            if not many and (same := _with_same_references(target, checked)) is not None:
                result = await write(same, ambient_session(session))
                if result.matched_count:
                    return result

        async def work(joined: AsyncClientSession) -> UpdateResult:
            if checked is not None and self.keeper is not None:
                await self.keeper.check_update(checked, target.narrowed, joined)
            ids = await self.matching_ids(target, joined, options, many=many)
            if not ids:
                result = await write(target, joined)
                await self._follow_insert(result.upserted_id, joined)
                return result
            total = {"n": 0, "nModified": 0}
            for batch in batches(ids):
                async with self._checking(checked, batch, joined):
                    before = await self.images(batch, joined)
                    result = await write(target.only(batch), joined)
                await self.follow_up(kind, batch, before=before, after=await self.images(batch, joined))
                total = {
                    "n": total["n"] + result.matched_count,
                    "nModified": total["nModified"] + result.modified_count,
                }
            return UpdateResult({**total, "updatedExisting": True, "ok": 1.0}, result.acknowledged)

        return await self.in_transaction(work, session)

    async def find_and_modify(
        self,
        target: Target,
        update: Any,
        session: Session,
        options: Mapping[str, Any],
        *,
        upsert: bool = False,
        kind: ChangeKind = ChangeKind.UPDATE,
    ) -> Document | None:
        """Run ``find_one_and_update`` with a stamped update, and what follows from it.

        Raises:
            DeletedDocument: an upsert matches only deleted documents, so it would make a second one.
        """
        run = self._raw.find_one_and_update
        counted = self.counted(update)
        checked = self._reference_write(update, upsert=upsert)

        async def write(aim: Target, joined: Session) -> Document | None:
            found = await run(aim.narrowed, counted, session=joined, **options)
            if upsert and found is None:
                await self.refuse_if_deleted(aim.wanted, joined, options)
                found = await run(aim.narrowed, counted, upsert=True, session=joined, **options)
            return found

        if not self._policy.is_news(update) and checked is None:
            changed = await write(target, ambient_session(session))
            note_write()
            return changed

        async def work(joined: AsyncClientSession) -> Document | None:
            if checked is not None and self.keeper is not None:
                await self.keeper.check_update(checked, target.narrowed, joined)
            ids = await self.matching_ids(target, joined, options, many=False)
            if not ids:
                return await self._find_and_insert(target, update, joined, options) if upsert else None
            async with self._checking(checked, ids, joined):
                before = await self.images(ids, joined)
                found = await write(target.only(ids), joined)
            await self.follow_up(kind, ids, before=before, after=await self.images(ids, joined))
            return found

        return await self.in_transaction(work, session)

    async def remove(self, target: Target, session: Session, options: Mapping[str, Any], *, many: bool) -> DeleteResult:
        """Run ``delete_one`` or ``delete_many`` for good, where the collection does so, and what follows from it."""
        run = self._raw.delete_many if many else self._raw.delete_one
        if not self.observed:
            gone = await run(target.narrowed, session=ambient_session(session), **options)
            note_write()
            return gone

        async def work(joined: AsyncClientSession) -> DeleteResult:
            ids = await self.matching_ids(target, joined, options, many=many)
            removed = 0
            for batch in batches(ids):
                before = await self.images(batch, joined)
                result = await self._raw.delete_many({"_id": {"$in": list(batch)}}, session=joined)
                removed += result.deleted_count
                await self.follow_up(ChangeKind.DELETE, batch, before=before)
            return DeleteResult({"n": removed, "ok": 1.0}, acknowledged=True)

        return await self.in_transaction(work, session)

    async def find_and_remove(self, target: Target, session: Session, options: Mapping[str, Any]) -> Document | None:
        """Run ``find_one_and_delete`` for good, where the collection does so, and what follows from it."""
        if not self.observed:
            gone = await self._raw.find_one_and_delete(target.narrowed, session=ambient_session(session), **options)
            note_write()
            return gone

        async def work(joined: AsyncClientSession) -> Document | None:
            ids = await self.matching_ids(target, joined, options, many=False)
            before = await self.images(ids, joined)
            found = await self._raw.find_one_and_delete(target.only(ids).narrowed, session=joined, **options)
            await self.follow_up(ChangeKind.DELETE, ids, before=before)
            return found

        return await self.in_transaction(work, session)

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
        with _taking_back():
            for hook in (*self._policy.hooks, *self._policy.reactions):
                await hook(change)

    async def _find_and_insert(
        self, target: Target, update: Any, session: AsyncClientSession, options: Mapping[str, Any]
    ) -> Document | None:
        """The inserting half of an upsert. ``update_one`` tells the new id, whatever the document became."""
        await self.refuse_if_deleted(target.wanted, session, options)
        kept = {name: options[name] for name in ("array_filters", "collation", "hint", "let") if name in options}
        result = await self._raw.update_one(target.narrowed, self.counted(update), upsert=True, session=session, **kept)
        await self._follow_insert(result.upserted_id, session)
        if not options.get("return_document"):
            return None
        return await self._raw.find_one({"_id": result.upserted_id}, options.get("projection"), session=session)

    def _reference_write(self, update: Any, *, upsert: bool) -> ReferenceWrite | None:
        return self.keeper.reference_write(update, upsert=upsert) if self.keeper is not None else None

    @asynccontextmanager
    async def _checking(
        self, checked: ReferenceWrite | None, ids: Sequence[Any], session: AsyncClientSession
    ) -> AsyncIterator[None]:
        """Around an update whose references are known only once it ran."""
        if checked is None or not checked.computed or self.keeper is None:
            yield
            return
        before = await self.keeper.references(ids, session)
        yield
        with _taking_back():
            await self.keeper.check_computed(before, ids, session)

    async def _follow_insert(self, inserted_id: Any, session: AsyncClientSession) -> None:
        inserted_id = as_key(inserted_id)
        if inserted_id is not None:
            if self.keeper is not None:
                with _taking_back():
                    await self.keeper.check_computed({}, [inserted_id], session)
            after = await self.images([inserted_id], session)
            await self.follow_up(ChangeKind.INSERT, [inserted_id], after=after)

    async def images(self, ids: Sequence[Any], session: Session) -> dict[Any, Document]:
        """The stored documents with these ids, where a hook needs them."""
        if not self._policy.images or not ids:
            return {}
        cursor = self._raw.find({"_id": {"$in": list(ids)}}, session=session)
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
def _taking_back() -> Iterator[None]:
    """What fails after a write must take the write back, also where the caller catches the error and goes on."""
    try:
        yield
    except BaseException as error:
        running = current_transaction()
        if running is not None:
            running.doom(error)
        raise


def _with_same_references(target: Target, checked: ReferenceWrite) -> Target | None:
    """The target if it already has the references that are to be set: then there is nothing to check, and no race."""
    one = target.wanted.get("_id")
    if checked.computed or checked.inserts or one is None or isinstance(one, Mapping):
        return None
    return Target(target.wanted, conjunction(target.narrowed, checked.values))


def batches(items: Sequence[R], size: int = BATCH) -> Iterator[Sequence[R]]:
    """The items in slices."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
