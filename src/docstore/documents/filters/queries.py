"""What Beanie's query classes need so that every filter, sort and update given to them is judged first."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from beanie.odm.queries.delete import DeleteMany, DeleteOne
from pydantic import BaseModel

from docstore.documents.bson_types import as_decimal
from docstore.documents.driver_errors import translated
from docstore.documents.filters.compiling import CompiledFilter, compile_filter, compile_key
from docstore.documents.filters.trusted import TrustedName
from docstore.documents.filters.updates import compile_update, rename_fields
from docstore.errors import PageError

_WRITING: Final = frozenset({"$out", "$merge"})


def is_strict(document_model: Any) -> bool:
    """Whether plain filters on this model are judged: the Store that bound it says so."""
    return bool(document_model.get_pymongo_collection().database.registry.strict_filters)


def model_of(document_model: Any) -> type[BaseModel]:
    """The document class, also of what stands in for it (`Model.deleted`)."""
    model: type[BaseModel] = document_model if isinstance(document_model, type) else document_model.model
    return model


class _Told:
    document_model: Any

    def _reads(self) -> bool:
        return False

    @contextmanager
    def _told(self) -> Iterator[None]:
        with translated(self.document_model.get_collection_name(), reads=self._reads()):
            yield


class _Awaited(_Told):
    """Mixed into Beanie's awaitable queries: errors are docstore's."""

    if not TYPE_CHECKING:  # a type checker goes by Beanie's annotations, which know the model

        def __await__(self) -> Generator[Any, None, Any]:
            with self._told():
                return (yield from super().__await__())


class JudgedUpdate(_Awaited):
    """Mixed into Beanie's update queries: field names are known ones."""

    if not TYPE_CHECKING:  # as above

        @property
        def update_expressions(self) -> list[Any]:
            """The updates given so far. Beanie adds to them by assignment, whatever method they come from."""
            return self._update_expressions

        @update_expressions.setter
        def update_expressions(self, given: Sequence[Any]) -> None:
            if given:
                model, strict = model_of(self.document_model), is_strict(self.document_model)
                given = [compile_update(model, each) if strict else rename_fields(model, each) for each in given]
            self._update_expressions = list(given)


class DeleteManyDocuments(_Awaited, DeleteMany):
    """Beanie's delete of many documents."""


class DeleteOneDocument(_Awaited, DeleteOne):
    """Beanie's delete of one document."""


class _ToldReading(_Told):
    """Mixed into Beanie's queries for many results: errors are docstore's."""

    if not TYPE_CHECKING:  # as above

        async def to_list(self, length: int | None = None) -> list[Any]:
            """All results, or the first `length`."""
            with self._told():
                return await super().to_list(length)

        async def __anext__(self) -> Any:
            with self._told():
                return await super().__anext__()


class JudgedAggregation(_ToldReading):
    """Mixed into Beanie's aggregations."""

    def _reads(self) -> bool:
        pipeline: Any = getattr(self, "aggregation_pipeline", ())
        return not any(isinstance(stage, Mapping) and stage.keys() & _WRITING for stage in pipeline)


class JudgedQuery(_Told):
    """Mixed into Beanie's find queries: filters are judged where they are given.

    What is kept are compiled filters alone, so a query's clones and chained calls judge nothing twice.
    """

    def _reads(self) -> bool:
        return True

    if not TYPE_CHECKING:  # as above

        @property
        def find_expressions(self) -> list[Any]:
            """The filters given so far. Beanie adds to them by assignment, whatever method they come from."""
            return self._find_expressions

        @find_expressions.setter
        def find_expressions(self, given: Sequence[Any]) -> None:
            self._find_expressions = self._judged(given) if given else []

    def prepare_find_expressions(self) -> None:
        """Beanie's preparation of links; filters that were put into the list by other means are judged as well."""
        query: Any = self
        if any(type(each) is not CompiledFilter for each in query.find_expressions):
            query.find_expressions = query.find_expressions
        if self.document_model.get_link_fields() is not None:
            super().prepare_find_expressions()  # type: ignore[misc]  # Beanie's
            query._find_expressions = [CompiledFilter(each) for each in query.find_expressions]

    async def count(self) -> int:
        """How many documents in scope match."""
        with self._told():
            return int(await super().count())  # type: ignore[misc]  # Beanie's

    async def exists(self) -> bool:
        """Whether a document in scope matches."""
        with self._told():
            return bool(await super().exists())  # type: ignore[misc]  # Beanie's

    def _judged(self, given: Sequence[Any]) -> list[CompiledFilter]:
        model, strict = model_of(self.document_model), is_strict(self.document_model)
        return [compile_filter(model, each, strict=strict) for each in given]


class JudgedFindOne(JudgedQuery, _Awaited):
    """For queries for one document."""

    DeleteQueryType: Any = DeleteOneDocument


class JudgedFindMany(JudgedQuery, _ToldReading):
    """For queries for many documents."""

    DeleteQueryType: Any = DeleteManyDocuments

    def sort(self, *args: Any) -> Self:
        """Sort by fields: ``"-publish_date"``, ``-Post.publish_date``, ``("title", 1)``.

        Raises:
            UnknownField: the model has no such field; a name that a pipeline makes is written ``trusted("total")``.
        """
        keys = [each for arg in args if arg is not None for each in (arg if isinstance(arg, list) else [arg])]
        if keys:
            strict = is_strict(self.document_model)
            super().sort(*(self._sort_key(each, strict=strict) for each in keys))  # type: ignore[misc]  # Beanie's
        return self

    def skip(self, n: Any) -> Self:
        """Leave out the first `n` documents.

        Raises:
            PageError: `n` is no whole number from 0 on.
        """
        if n is not None and (not isinstance(n, int) or n < 0):
            raise PageError(
                f"skip() of a query on {self.document_model.__name__} takes a whole number from 0 on, not "
                f"{n if isinstance(n, int) else type(n).__name__}.",
                hint="Deep pages cost less by their cursor: page(limit, after=...).",
            )
        super().skip(n)  # type: ignore[misc]  # Beanie's
        return self

    async def distinct(self, key: Any, session: Any = None, **kwargs: Any) -> list[Any]:
        """The distinct values of a field among the documents in scope that match.

        Raises:
            UnknownField: the model has no such field.
        """
        with self._told():
            found: list[Any] = await super().distinct(self._key(key), session, **kwargs)  # type: ignore[misc]  # Beanie's
            return [as_decimal(each) for each in found]

    async def sum(self, field: Any, session: Any = None, ignore_cache: bool = False) -> float | None:
        """The sum of a field's values; None where nothing matches; a Decimal of Decimals.

        Raises UnknownField, as the three below.
        """
        total: float | None = as_decimal(await super().sum(self._key(field), session, ignore_cache))  # type: ignore[misc]  # Beanie's
        return total

    async def avg(self, field: Any, session: Any = None, ignore_cache: bool = False) -> float | None:
        """The mean of a field's values; None where nothing matches; a Decimal of Decimals."""
        mean: float | None = as_decimal(await super().avg(self._key(field), session, ignore_cache))  # type: ignore[misc]  # Beanie's
        return mean

    async def max(self, field: Any, session: Any = None, ignore_cache: bool = False) -> Any:
        """The largest of a field's values; None where nothing matches."""
        return as_decimal(await super().max(self._key(field), session, ignore_cache))  # type: ignore[misc]  # Beanie's

    async def min(self, field: Any, session: Any = None, ignore_cache: bool = False) -> Any:
        """The smallest of a field's values; None where nothing matches."""
        return as_decimal(await super().min(self._key(field), session, ignore_cache))  # type: ignore[misc]  # Beanie's

    def _key(self, field: Any) -> Any:
        if not isinstance(field, str):
            return field
        return compile_key(model_of(self.document_model), field, strict=is_strict(self.document_model))

    def _sort_key(self, given: Any, *, strict: bool) -> Any:
        if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
            name, direction = given
            # $natural, and names that only a score or the like has
            as_written = name.startswith("$") or isinstance(direction, Mapping)
            return (str.__str__(name) if as_written else self._sort_name(name, strict=strict), direction)
        if not isinstance(given, str):
            return given
        written = str.__str__(given)
        sign = written[:1] if written[:1] in ("+", "-") else ""
        if isinstance(given, TrustedName):
            return written
        return sign + self._sort_name(written[len(sign) :], strict=strict)

    def _sort_name(self, name: str, *, strict: bool) -> str:
        if isinstance(name, TrustedName):
            return str.__str__(name)
        return compile_key(model_of(self.document_model), name, strict=strict)
