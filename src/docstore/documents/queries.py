"""Beanie's query classes with what the trash and whole-document replacement need."""

from collections.abc import AsyncGenerator, Generator, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from beanie.odm.bulk import BulkWriter
from beanie.odm.queries.aggregation import AggregationQuery
from beanie.odm.queries.find import FindMany, FindOne
from beanie.odm.queries.update import UpdateMany, UpdateOne
from beanie.odm.utils.parsing import parse_obj
from pydantic import BaseModel
from pymongo import UpdateOne as UpdateOneRequest
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.results import UpdateResult

from docstore.documents.driver_errors import MissingDocument, translated
from docstore.documents.fields import utc_now
from docstore.documents.filters.queries import JudgedAggregation, JudgedFindMany, JudgedFindOne, JudgedUpdate
from docstore.documents.guard.trash import purge_matching, restore_matching
from docstore.documents.guard.versions import of_version
from docstore.documents.lifecycle import assign, next_version
from docstore.documents.loading import Load, load_all, load_stream, loader_of
from docstore.documents.transactions import ambient_session

ResultT = TypeVar("ResultT", bound=BaseModel)
Session = AsyncClientSession | None


class _UpsertCheck:
    """Beanie's upsert inserts when nothing matched; not when something in the trash would have."""

    async def _update(self) -> Any:
        query: Any = self
        result = await super()._update()  # type: ignore[misc]  # mixed into Beanie's update queries
        missed = result is None or getattr(result, "matched_count", 1) == 0
        if query.upsert_insert_doc is not None and query.bulk_writer is None and missed:
            collection = query.document_model.get_pymongo_collection()
            await collection.writer.refuse_if_deleted(query.find_query, ambient_session(query.session))
        return result


class UpdateManyStock(_UpsertCheck, UpdateMany):
    """Beanie's update of many documents; its upsert respects the trash."""


class UpdateOneStock(_UpsertCheck, UpdateOne):
    """Beanie's update of one document; its upsert respects the trash."""


class FindManyStock(FindMany[ResultT]):
    """Beanie's own query, for its own documents beside ours."""

    UpdateQueryType = UpdateManyStock


class FindOneStock(FindOne[ResultT]):
    """Beanie's own query, for its own documents beside ours."""

    UpdateQueryType = UpdateOneStock


def _loader(query: Any) -> Load | None:
    by_beanie = query.lazy_parse or query.fetch_links or not hasattr(query.projection_model, "__pydantic_validator__")
    return None if by_beanie else loader_of(query.projection_model)


class _ReadAggregation(AggregationQuery[ResultT]):
    """Beanie's aggregation, whose results are read by codecs where they have a class."""

    async def to_list(self, length: int | None = None) -> list[ResultT]:
        """What the pipeline gives, at most `length`."""
        load = self._loader()
        if load is None:
            return await super().to_list(length)
        return await load_all(await self.get_cursor(), load, length)

    async def __anext__(self) -> ResultT:
        if self.cursor is None:
            self.cursor = await self.get_cursor()
        load = self._loader()
        if load is None:
            return await super().__anext__()
        cursor: Any = self.cursor
        return cast("ResultT", load(await cursor.__anext__()))

    def _loader(self) -> Load | None:
        model = self.projection_model
        return loader_of(model) if hasattr(model, "__pydantic_validator__") else None


class _ReadMany(FindMany[ResultT]):
    """Beanie's query for many documents, read by codecs."""

    _load: Load | None = None

    async def to_list(self, length: int | None = None) -> list[ResultT]:
        """The documents this query matches, at most `length`."""
        load = _loader(self)
        if load is None:
            return await super().to_list(length)
        return await load_all(await self.get_cursor(), load, length)

    async def __anext__(self) -> ResultT:
        if self.cursor is None:
            self.cursor = await self.get_cursor()
            self._load = _loader(self)
        if self._load is None:
            return await super().__anext__()
        cursor: Any = self.cursor
        return cast("ResultT", self._load(await cursor.__anext__()))


class _ReadOne(FindOne[ResultT]):
    """Beanie's query for one document, read by a codec."""

    def __await__(self) -> Generator[Any, Any, ResultT | None]:
        load = _loader(self)
        if load is None:
            return (yield from super().__await__())
        asked: Any = self._find_one  # untyped in Beanie
        stored = yield from asked().__await__()
        return None if stored is None else cast("ResultT", load(stored))


class AggregateDocuments(JudgedAggregation, _ReadAggregation[ResultT]):
    """The aggregation over documents."""


class UpdateManyDocuments(JudgedUpdate, UpdateManyStock):
    """The update of many documents; field names are known ones."""


class UpdateOneDocument(JudgedUpdate, UpdateOneStock):
    """The update of one document; field names are known ones."""


class FindManyDocuments(JudgedFindMany, _ReadMany[ResultT]):
    """The query for many documents: filters judged, read by codecs, with `stream`, `restore` and `purge`."""

    UpdateQueryType: Any = UpdateManyDocuments
    AggregationQueryType: Any = AggregateDocuments

    async def stream(self, batch: int = 1000) -> AsyncGenerator[ResultT, None]:
        """The documents this query matches, any number of them, in constant memory.

        Leave the loop early under `contextlib.aclosing`, and the server's cursor is closed at once.

        Args:
            batch: documents asked of the server at a time. It forgets a cursor that it is not asked about for ten
                minutes: take a smaller batch when the work on one takes longer.

        Raises:
            ValueError: the batch is not positive.
        """
        if batch < 1:
            raise ValueError("a batch holds at least one document")
        load = _loader(self) or partial(parse_obj, self.projection_model, lazy_parse=self.lazy_parse)
        with self._told():
            cursor: Any = await self.get_cursor()
            async for document in load_stream(cursor.batch_size(batch), load, batch):
                yield document

    async def restore(self, session: Session = None) -> int:
        """Bring back the deleted ones among the documents this query matches; returns how many.

        Raises:
            UniqueViolation: a living document took a unique value meanwhile.
        """
        model: Any = self.document_model
        with translated(model.get_collection_name()):
            return await restore_matching(
                model.get_pymongo_collection(),
                self.get_filter_query(),
                status=model._status_after_restore(),
                session=session or self.session,
            )

    async def purge(self, *, reason: str, session: Session = None) -> int:
        """Remove for good the documents this query matches; returns how many.

        Raises:
            ValueError: the reason is empty.
        """
        model: Any = self.document_model
        return await purge_matching(
            model.get_pymongo_collection(),
            self.get_filter_query(),
            reason=reason,
            session=session or self.session,
        )


class FindOneDocument(JudgedFindOne, _ReadOne[ResultT]):
    """The query for one document: judged, read by a codec; `replace_one` keeps the fields the model does not know."""

    UpdateQueryType: Any = UpdateOneDocument

    async def replace_one(
        self, document: Any, session: Session = None, bulk_writer: BulkWriter | None = None
    ) -> UpdateResult | None:
        """Set every field of the found document to `document`'s; unknown stored fields and `createdAt` stay.

        Raises:
            NotFound: no living document matches.
            UniqueViolation: a living document already has a unique value.
        """
        self.set_session(session=session)
        model: Any = self.document_model
        document.updated_at = utc_now()
        fields: Mapping[str, Any] = document._fields_to_set()
        if bulk_writer is not None:
            bulk_writer.add_operation(model, UpdateOneRequest(self.get_filter_query(), {"$set": fields}))
            return None
        collection = model.get_pymongo_collection()
        query = self.get_filter_query()
        own = type(document).versioned and document.id is not None and query.get("_id") == document.id
        if own:
            query["version"] = of_version(document.version)
        with translated(collection.name):
            result: UpdateResult = await collection.set_fields(query, fields, session=self.session)
        if result.matched_count and own:
            assign(document, next_version(document))
        if not result.matched_count:
            raise MissingDocument(f"no living {collection.name} matches.", collection=collection.name)
        return result
