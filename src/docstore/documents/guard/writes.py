"""How a guarded write runs: plainly where nothing follows from it, else in a transaction with what follows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.results import DeleteResult, UpdateResult

from docstore.documents.changes import ChangeKind
from docstore.documents.guard.effects import Document, Effects, R, batches, taking_back
from docstore.documents.guard.filters import conjunction
from docstore.documents.guard.ids import as_key
from docstore.documents.guard.references import ReferenceWrite
from docstore.documents.guard.targets import Target
from docstore.documents.transactions import Session, ambient_session, note_write


class Writer(Effects):
    """Runs the writes of one collection under its policy."""

    def inserts_plainly(self, documents: Sequence[Document]) -> bool:
        """Whether nothing follows from an insert of `documents`, and nothing is to be checked before it."""
        policy = self._policy
        return not policy.observed and (policy.keeper is None or not policy.keeper.refers(documents))

    async def insert(
        self, write: Callable[[Session], Awaitable[R]], documents: Sequence[Document], session: Session
    ) -> R:
        """Run an insert of `documents`, to which the driver gives their ids, and what follows from it."""
        if self.inserts_plainly(documents):
            inserted = await write(ambient_session(session))
            note_write()
            return inserted

        keeper = self.keeper

        async def work(joined: AsyncClientSession) -> R:
            if keeper is not None and keeper.refers(documents):
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
                    before = await self.images(batch, joined, update=update)
                    result = await write(target.only(batch), joined)
                await self.follow_up(kind, batch, before=before, after=await self.later_images(batch, before, joined))
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
                before = await self.images(ids, joined, update=update)
                found = await write(target.only(ids), joined)
            await self.follow_up(kind, ids, before=before, after=await self.later_images(ids, before, joined))
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
                before = await self.images(batch, joined, last=True)
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
            before = await self.images(ids, joined, last=True)
            found = await self._raw.find_one_and_delete(target.only(ids).narrowed, session=joined, **options)
            await self.follow_up(ChangeKind.DELETE, ids, before=before)
            return found

        return await self.in_transaction(work, session)

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
        with taking_back():
            await self.keeper.check_computed(before, ids, session)

    async def _follow_insert(self, inserted_id: Any, session: AsyncClientSession) -> None:
        inserted_id = as_key(inserted_id)
        if inserted_id is not None:
            if self.keeper is not None:
                with taking_back():
                    await self.keeper.check_computed({}, [inserted_id], session)
            after = await self.images([inserted_id], session)
            await self.follow_up(ChangeKind.INSERT, [inserted_id], after=after)


def _with_same_references(target: Target, checked: ReferenceWrite) -> Target | None:
    """The target if it already has the references that are to be set: then there is nothing to check, and no race."""
    one = target.wanted.get("_id")
    if checked.computed or checked.inserts or one is None or isinstance(one, Mapping):
        return None
    return Target(target.wanted, conjunction(target.narrowed, checked.values))
