"""`Post.cached`: documents by id from a cache in front of the database. The cache itself is not known here."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, cast

from docstore.documents.lifecycle import known_id
from docstore.documents.parsing import parse_all
from docstore.errors import RefusedOperation

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument

D = TypeVar("D", bound="StoredDocument")
Stored = Mapping[str, Any]

_IN_SLICES_OF: Final = 250


class ReadThrough(Protocol):
    """A cache of stored documents; it has to drop those whose change was committed."""

    async def get(
        self, collection: str, document_id: object, fetch: Callable[[], Awaitable[Stored | None]]
    ) -> Stored | None:
        """The stored document, cached or fetched; None when there is none."""
        ...

    async def get_many(
        self, collection: str, ids: Sequence[object], fetch: Callable[[list[object]], Awaitable[list[Stored]]]
    ) -> Mapping[object, Stored]:
        """The stored documents by id; those that are not cached are fetched together."""
        ...


_caches: Final[list[ReadThrough]] = []


def use_read_through(cache: ReadThrough | None) -> None:
    """Let `Model.cached` read through `cache`; None: straight from the database."""
    _caches[:] = [cache] if cache is not None else []


class CachedReads(Generic[D]):
    """A model's living documents by id, through the cache of the open Store; without one, from the database.

    A document may be as old as the cache lets it be (see docs/cache.md). Models with sensitive fields are never
    cached.
    """

    def __init__(self, model: type[D]) -> None:
        self._model = model

    async def get(self, document_id: Any) -> D | None:
        """The document with this id, or None when there is none.

        Raises:
            ValidationFailed: the value is no id of this model.
            RefusedOperation: the model does not announce its changes, so nothing would ever be dropped.
        """
        cache, wanted = self._cache(), known_id(self._model, document_id)

        async def fetch() -> Stored | None:
            found: Stored | None = await self._model.get_pymongo_collection().find_one({"_id": wanted})
            return found

        stored = await (cache.get(self._model.get_collection_name(), wanted, fetch) if cache else fetch())
        try:
            return self._parsed(stored)
        except Exception:
            if cache is None:
                raise
            # A release with another model kept it, or a migration mended it since: what counts is the database.
            return self._parsed(await fetch())

    async def get_many(self, ids: Iterable[Any]) -> list[D]:
        """The documents with these ids in the order asked; an id without a document is left out. Raises as `get`."""
        cache, wanted = self._cache(), [known_id(self._model, each) for each in ids]
        unique = list(dict.fromkeys(wanted))
        if cache is None:
            stored: Mapping[object, Stored] = {each["_id"]: each for each in await self._fetch(unique)}
        else:
            stored = await cache.get_many(self._model.get_collection_name(), unique, self._fetch)
        try:
            return self._all_parsed(wanted, stored)
        except Exception:
            if cache is None:
                raise
            return self._all_parsed(wanted, {each["_id"]: each for each in await self._fetch(unique)})

    def _parsed(self, stored: Stored | None) -> D | None:
        return cast("D", parse_all(self._model, [stored])[0]) if stored is not None else None

    def _all_parsed(self, wanted: Iterable[object], stored: Mapping[object, Stored]) -> list[D]:
        return cast("list[D]", parse_all(self._model, [stored[each] for each in wanted if each in stored]))

    async def _fetch(self, ids: list[object]) -> list[Stored]:
        collection = self._model.get_pymongo_collection()
        slices = (ids[start : start + _IN_SLICES_OF] for start in range(0, len(ids), _IN_SLICES_OF))
        return [each for part in slices async for each in collection.find({"_id": {"$in": part}})]

    def _cache(self) -> ReadThrough | None:
        if not self._model.announces:
            raise RefusedOperation(
                f"{self._model.__name__}.cached would serve old documents: the model does not announce its changes.",
                hint=f"Declare `announces: ClassVar[bool] = True` on it, or use {self._model.__name__}.get().",
                collection=self._model.__name__,
            )
        return _caches[0] if _caches and not self._model.sensitive else None


class CachedDoor:
    """The descriptor behind `Model.cached`."""

    def __get__(self, instance: object, model: type[D]) -> CachedReads[D]:
        return CachedReads(model)
