"""What of the found documents is wanted: a page of them, their relations too, or only some of their fields.

Mixed into the query classes above those that read (`queries.py`).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from beanie.odm.queries.find import FindMany, FindOne
from pydantic import BaseModel

from docstore.documents.include import Relation
from docstore.documents.include.loading import check_paths, load
from docstore.documents.pages import DEFAULT_LIMIT, NumberedPage, Page, fetch_numbered_page, fetch_page
from docstore.documents.parsing import parse_all
from docstore.documents.projections import Projection, Row, as_dict, projection_of, row_model

if TYPE_CHECKING:
    from docstore.documents.queries import FindManyDocuments, FindOneDocument

ResultT = TypeVar("ResultT", bound=BaseModel)
ProjectionT = TypeVar("ProjectionT", bound=BaseModel)
_INCLUDE_BATCH = 100


class _Selection:
    _paths: tuple[str | Relation[Any], ...] = ()

    def include(self, *paths: str | Relation[Any]) -> Self:
        """Load relations along: ``"author"``, ``"comments.author"``, ``Account.reviews.limit(3)``.

        One more query for each relation and level, however many documents are found.

        Raises:
            UnknownRelation: a name is none of the model's relations; names the near miss.
            RelationError, NotBound: a relation cannot be loaded as it is declared.
        """
        check_paths(self._model(), paths)
        self._paths = (*self._paths, *paths)
        return self

    def _model(self) -> Any:
        query: Any = self
        stands_for = query.document_model
        return stands_for if isinstance(stands_for, type) else stands_for._model

    def _projection(self) -> Projection | None:
        query: Any = self
        return projection_of(query.projection_model, query.document_model)

    def _row(self, names: tuple[str, ...]) -> type[Row]:
        return row_model(self._model(), names or tuple(self._model().model_fields))

    async def _finish(self, found: list[Any]) -> list[Any]:
        query: Any = self
        if self._paths:
            await load(found, self._paths, query.session)
        return [as_dict(row) for row in found] if issubclass(query.projection_model, Row) else found


class SelectedMany(_Selection, FindMany[ResultT], Generic[ResultT]):
    """Pages, relations and projections of a query for many documents."""

    _ready: list[Any] | None = None

    if TYPE_CHECKING:  # Beanie's, which return this query

        def find(self, *args: Any, **kwargs: Any) -> Self: ...  # type: ignore[override]
        def sort(self, *args: Any) -> Self: ...
        def skip(self, n: int | None) -> Self: ...
        def limit(self, n: int | None) -> Self: ...
        def __aiter__(self) -> Self: ...

    def project(self, projection_model: type[ProjectionT] | None) -> "FindManyDocuments[ProjectionT]":
        """Fetch the fields of `projection_model` alone; its fields may be named as the document's attributes are."""
        query: Any = super().project(projection_model)
        return query  # type: ignore[no-any-return]  # this query, of other results

    def values(self, *names: str) -> "FindManyDocuments[Any]":
        """Fetch these attributes alone, as dicts by attribute name; all of them when none is named.

        Raises:
            ValidationFailed: the model has no such attribute; names the near miss.
        """
        return self.project(self._row(names))

    async def page(
        self,
        limit: int = DEFAULT_LIMIT,
        after: str | None = None,
        before: str | None = None,
        *,
        bound_to: Any = None,
    ) -> Page[ResultT]:
        """A page of this query, from its beginning or from a cursor on.

        Stays in place while documents come and go, costs the same at any depth, and finds every document once,
        whatever the sort: nulls, missing and equal values and mixed directions included.

        Args:
            limit: how many documents, from 1 to the model's `page_limit`.
            after: `next_cursor` of another page.
            before: `previous_cursor` of another page.
            bound_to: what the cursors are bound to instead of the filter, such as a name; for filters that are
                another with every call because they hold the present moment.

        Raises:
            InvalidCursor: the cursor is damaged, forged, or belongs to another sort, filter or collection.
            PageError: the limit is out of bounds, or the sort cannot make pages.
        """
        return await fetch_page(self, limit, after, before, bound_to)

    async def paginate(self, page: int = 1, limit: int = DEFAULT_LIMIT) -> NumberedPage[ResultT]:
        """Page number `page`, counted from 1, with the total.

        Counts what matches and skips what is in front: for listings that are not deep. Others take `page`.

        Raises:
            PageError: page or limit are out of bounds.
        """
        return await fetch_numbered_page(self, page, limit)

    async def to_list(self, length: int | None = None) -> list[ResultT]:
        """The documents this query matches, at most `length`, with the relations asked for."""
        return await self._finish(await super().to_list(length))

    async def stream(self, batch: int = 1000) -> AsyncGenerator[ResultT, None]:
        """The documents this query matches, any number of them, in constant memory; relations a batch at a time.

        Leave the loop early under `contextlib.aclosing`, and the server's cursor is closed at once.

        Args:
            batch: documents asked of the server at a time. It forgets a cursor that it is not asked about for ten
                minutes: take a smaller batch when the work on one takes longer.

        Raises:
            ValueError: the batch is not positive.
        """
        below: Any = super()
        async with aclosing(below.stream(batch)) as found:
            if not self._paths and not issubclass(self.projection_model, Row):
                async for document in found:
                    yield document
                return
            async for documents in _chunks(found, batch):
                for document in await self._finish(documents):
                    yield document

    async def __anext__(self) -> ResultT:
        if not self._paths:
            item: Any = await super().__anext__()
            return as_dict(item) if isinstance(item, Row) else item  # type: ignore[return-value]  # of values()
        if not self._ready:
            self._ready = await self._next_batch()
        result: ResultT = self._ready.pop()
        return result

    async def get_cursor(self) -> Any:
        """PyMongo's cursor of this query, with the projection that `project` or `values` ask for."""
        if self.fetch_links:
            return await super().get_cursor()
        return self.document_model.get_pymongo_collection().find(
            filter=self.get_filter_query(),
            sort=self.sort_expressions,
            projection=self._projection(),
            skip=self.skip_number,
            limit=self.limit_number,
            session=self.session,
            **self.pymongo_kwargs,
        )

    async def _next_batch(self) -> list[Any]:
        # Relations are loaded for a batch at a time: one by one would be a query for each document.
        found: list[Any] = []
        while len(found) < _INCLUDE_BATCH:
            try:
                found.append(await super().__anext__())
            except StopAsyncIteration:
                break
        if not found:
            raise StopAsyncIteration
        return (await self._finish(found))[::-1]

    async def _parse(self, stored: list[dict[str, Any]]) -> list[Any]:
        return await self._finish(parse_all(self.projection_model, stored, lazy=self.lazy_parse))


class SelectedOne(_Selection, FindOne[ResultT], Generic[ResultT]):
    """Relations and projections of a query for one document."""

    def project(  # type: ignore[override]  # narrower: this class's query
        self, projection_model: type[ProjectionT] | None
    ) -> "FindOneDocument[ProjectionT]":
        """Fetch the fields of `projection_model` alone; its fields may be named as the document's attributes are."""
        query: Any = super().project(projection_model)
        return query  # type: ignore[no-any-return]  # this query, of another result

    def values(self, *names: str) -> "FindOneDocument[Any]":
        """Fetch these attributes alone, as a dict by attribute name; all of them when none is named.

        Raises:
            ValidationFailed: the model has no such attribute; names the near miss.
        """
        return self.project(self._row(names))

    def __await__(self) -> Generator[Any, Any, ResultT | None]:
        found: Any = yield from super().__await__()
        if found is None:
            return None
        if self._paths:
            yield from load([found], self._paths, self.session).__await__()
        return as_dict(found) if isinstance(found, Row) else found  # type: ignore[return-value]  # of values()

    async def _find_one(self) -> Any:
        if self.fetch_links:
            return await super()._find_one()  # type: ignore[no-untyped-call]  # Beanie's
        return await self.document_model.get_pymongo_collection().find_one(
            filter=self.get_filter_query(),
            projection=self._projection(),
            session=self.session,
            **self.pymongo_kwargs,
        )


async def _chunks(found: AsyncIterator[Any], size: int) -> AsyncIterator[list[Any]]:
    chunk: list[Any] = []
    async for document in found:
        chunk.append(document)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
