"""`Post.deleted` and `Post.with_deleted`: the only doors into the trash, and nobody passes them by accident."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from docstore.documents.guard.collection import GuardedCollection
from docstore.documents.guard.predicate import Scope
from docstore.documents.queries import FindManyDocuments, FindOneDocument

if TYPE_CHECKING:
    from docstore.documents.base import Document

D = TypeVar("D", bound="Document")

_OF_THE_MODEL = frozenset({"parse_id", "stored_name"})


class Trash(Generic[D]):
    """A model's documents in another scope: the deleted ones alone, or all.

    Queries are Beanie's. Whatever is not about finding is the model's own.
    """

    def __init__(self, model: type[D], scope: Scope) -> None:
        self._model = model
        self._scope = scope

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_model", "_scope"):
            raise AttributeError(name)  # the last two: a copy that has not got them yet
        # What Beanie's queries ask a model for, and its fields. A method of the model would act on the living.
        if name.startswith(("_", "get_", "model_")) or name in _OF_THE_MODEL or name in self._model.model_fields:
            return getattr(self._model, name)
        raise AttributeError(
            f"{self!r} has no {name}: use find(...), and update, delete, restore or purge what it finds."
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> "Trash[D]":
        return self

    def __copy__(self) -> "Trash[D]":
        return self

    def __repr__(self) -> str:
        return f"{self._model.__name__}.{'deleted' if self._scope is Scope.DELETED else 'with_deleted'}"

    @property
    def model(self) -> type[D]:
        """The document class."""
        return self._model

    def get_pymongo_collection(self) -> GuardedCollection:
        """The guarded collection in this scope."""
        return self._model.get_pymongo_collection().in_scope(self._scope)

    def find(self, *args: Mapping[Any, Any] | bool, **kwargs: Any) -> FindManyDocuments[D]:
        """Query for many documents of the scope; arguments as `Model.find`."""
        query = self._model.find_many(*args, **kwargs)
        query.document_model = self  # stands in for the model wherever Beanie asks it
        return query

    find_many = find

    def find_all(self, *args: Any, **kwargs: Any) -> FindManyDocuments[D]:
        """Query for all documents of the scope."""
        return self.find(*args, **kwargs)

    all = find_all

    def find_one(self, *args: Mapping[Any, Any] | bool, **kwargs: Any) -> FindOneDocument[D]:
        """Query for one document of the scope; arguments as `Model.find_one`."""
        query = self._model.find_one(*args, **kwargs)
        query.document_model = self  # as above
        return query

    async def get(self, document_id: Any, **kwargs: Any) -> D | None:
        """The document with this id, or None when it is not in the scope."""
        return await self.find_one({"_id": self._model.parse_id(document_id)}, **kwargs)

    async def count(self) -> int:
        """How many documents are in the scope."""
        return await self.find().count()

    async def distinct(self, key: str, filter: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """The distinct values of a field in the scope."""
        return await self.find(filter or {}).distinct(key, **kwargs)

    def aggregate(
        self,
        pipeline: Sequence[Mapping[str, Any]],
        projection_model: type[BaseModel] | None = None,
        **kwargs: Any,
    ) -> Any:
        """A pipeline over the documents of the scope; joined collections show their living documents alone."""
        return self.find().aggregate(list(pipeline), projection_model=projection_model, **kwargs)

    async def restore(self, *args: Mapping[Any, Any] | bool) -> int:
        """Bring back the deleted documents that match; returns how many."""
        return await self.find(*args).restore()

    async def purge(self, *args: Mapping[Any, Any] | bool, reason: str) -> int:
        """Remove for good the documents of the scope that match; returns how many."""
        return await self.find(*args).purge(reason=reason)


class TrashDoor:
    """The descriptor behind `Model.deleted` and `Model.with_deleted`."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __get__(self, instance: object, owner: type[D]) -> Trash[D]:
        return Trash(owner, self._scope)
