"""Beanie's query classes with what the trash and whole-document replacement need."""

from collections.abc import AsyncGenerator, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from beanie.odm.bulk import BulkWriter
from beanie.odm.queries.aggregation import AggregationQuery
from beanie.odm.queries.find import FindMany, FindOne
from beanie.odm.queries.update import UpdateMany, UpdateOne
from beanie.odm.utils.parsing import parse_obj
from pydantic import BaseModel
from pymongo import UpdateOne as UpdateOneRequest
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.results import UpdateResult

from docstore.documents.driver_errors import translated
from docstore.documents.fields import utc_now
from docstore.documents.filters.queries import JudgedAggregation, JudgedFindMany, JudgedFindOne, JudgedUpdate
from docstore.documents.guard.trash import purge_matching, restore_matching
from docstore.documents.guard.versions import of_version
from docstore.documents.known_to_others import MissingDocument
from docstore.documents.lifecycle import assign, next_version
from docstore.documents.loading import Instances, Loader, load_all, loader_of
from docstore.documents.selecting import SelectedMany, SelectedOne
from docstore.documents.transactions import ambient_session

ResultT = TypeVar("ResultT", bound=BaseModel)
Session = AsyncClientSession | None

_WHOLE_REPLY: Final = 2**31 - 1
"""More documents than a reply holds: the server fills the first one, instead of sending a hundred and one and waiting
to be asked for the rest."""


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


def _loader(query: Any) -> Loader | None:
    by_beanie = query.lazy_parse or query.fetch_links or not hasattr(query.projection_model, "__pydantic_validator__")
    return None if by_beanie else loader_of(query.projection_model)


def _open(query: Any) -> Any:
    return query.document_model.get_pymongo_collection().find_batches(
        query.get_filter_query(),
        sort=query.sort_expressions,
        projection=query._projection(),
        skip=query.skip_number,
        limit=query.limit_number,
        session=query.session,
        **query.pymongo_kwargs,
    )


class _ReadAggregation(AggregationQuery[ResultT]):
    """Beanie's aggregation, whose results are read by codecs where they have a class."""

    async def to_list(self, length: int | None = None) -> list[ResultT]:
        """What the pipeline gives, at most `length`."""
        loader = self._loader()
        if loader is None:
            return await super().to_list(length)
        return await load_all(await self.get_cursor(), loader, length)

    async def __anext__(self) -> ResultT:
        if self.cursor is None:
            self.cursor = await self.get_cursor()
        loader = self._loader()
        if loader is None:
            return await super().__anext__()
        cursor: Any = self.cursor
        return cast("ResultT", loader.read(await cursor.__anext__()))

    def _loader(self) -> Loader | None:
        model = self.projection_model
        return loader_of(model) if hasattr(model, "__pydantic_validator__") else None


class _ReadMany(FindMany[ResultT]):
    """Beanie's query for many documents, read by codecs, with `stream`."""

    _running: Instances | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A copy asks anew: what is being read from the server cannot be copied.
        return {name: value for name, value in self.__dict__.items() if name != "_running"} | {"cursor": None}

    async def to_list(self, length: int | None = None) -> list[ResultT]:
        """The documents this query matches, at most `length`."""
        loader = _loader(self)
        if loader is None:
            return await super().to_list(length)
        cursor = _open(self)
        if "batch_size" not in self.pymongo_kwargs:
            cursor.batch_size(length or _WHOLE_REPLY)
        return await load_all(cursor, loader, length)

    async def __anext__(self) -> ResultT:
        if self._running is None and self.cursor is None:
            loader = _loader(self)
            self._running = Instances(_open(self), loader) if loader else None
        if self._running is None:
            return await super().__anext__()
        return cast("ResultT", await self._running.__anext__())

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
        loader = _loader(self)
        cursor: Any = _open(self) if loader is not None else await self.get_cursor()
        by_beanie = Loader(partial(parse_obj, self.projection_model, lazy_parse=self.lazy_parse))
        documents = Instances(cursor.batch_size(batch), loader or by_beanie)
        try:
            with translated(self.document_model.get_collection_name(), reads=True):
                async for document in documents:
                    yield document
        finally:
            await documents.close()


class _ReadOne(FindOne[ResultT]):
    """Beanie's query for one document, read by a codec."""

    def __await__(self) -> Generator[Any, Any, ResultT | None]:
        loader = _loader(self)
        if loader is None:
            return (yield from super().__await__())
        asked: Any = self._find_one  # untyped in Beanie
        stored = yield from asked().__await__()
        return None if stored is None else cast("ResultT", loader.read(stored))


class AggregateDocuments(JudgedAggregation, _ReadAggregation[ResultT]):
    """The aggregation over documents."""


class UpdateManyDocuments(JudgedUpdate, UpdateManyStock):
    """The update of many documents; field names are known ones."""


class UpdateOneDocument(JudgedUpdate, UpdateOneStock):
    """The update of one document; field names are known ones."""


class FindManyDocuments(JudgedFindMany, SelectedMany[ResultT], _ReadMany[ResultT], Generic[ResultT]):
    """The query for many documents: judged, with pages, relations, values, `stream`, `restore` and `purge`."""

    UpdateQueryType: Any = UpdateManyDocuments
    AggregationQueryType: Any = AggregateDocuments

    if TYPE_CHECKING:  # Beanie says nothing of it, and a type checker takes for granted that it cannot be awaited

        def update(
            self,
            *args: Mapping[Any, Any],
            session: Session = None,
            bulk_writer: BulkWriter | None = None,
            **pymongo_kwargs: Any,
        ) -> UpdateMany: ...

    async def restore(self, session: Session = None) -> int:
        """Bring back the deleted ones among the documents this query matches, with what went along; returns how many.

        Raises:
            RestoreConflict, UniqueViolation: a living document took a unique value meanwhile; nothing comes back.
            ReferenceViolation: a document refers to what is deleted itself.
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
            ReferenceViolation: a living document refers to one of them.
        """
        model: Any = self.document_model
        with translated(model.get_collection_name()):
            return await purge_matching(
                model.get_pymongo_collection(),
                self.get_filter_query(),
                reason=reason,
                session=session or self.session,
            )


class FindOneDocument(JudgedFindOne, SelectedOne[ResultT], _ReadOne[ResultT], Generic[ResultT]):
    """The query for one document, judged, with relations and values; `replace_one` keeps the fields no model knows."""

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
