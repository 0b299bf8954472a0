"""Documents as they are found: by queries, by their ids."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from beanie.odm.models import InspectionResult
from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.base.declaring import DeclaredDocument
from docstore.documents.codec import encode_value
from docstore.documents.filters.compiling import CompiledFilter
from docstore.documents.filters.trusted import TrustedFilter, trusted
from docstore.documents.guard.ids import as_key
from docstore.documents.inspecting import inspect as inspect_documents
from docstore.documents.lifecycle import (
    known_id,
)
from docstore.documents.loading import load_one, loader_of
from docstore.documents.queries import FindManyDocuments, FindOneDocument

Session = AsyncClientSession | None


class FoundDocument(DeclaredDocument):
    """What every document has for being found."""

    if TYPE_CHECKING:  # Beanie's, which use the query classes named above

        @classmethod
        def find(cls, *args: Mapping[Any, Any] | bool, **options: Any) -> FindManyDocuments[Self]: ...  # type: ignore[override]
        @classmethod
        def find_many(cls, *args: Mapping[Any, Any] | bool, **options: Any) -> FindManyDocuments[Self]: ...  # type: ignore[override]
        @classmethod
        def find_all(cls, **options: Any) -> FindManyDocuments[Self]: ...  # type: ignore[override]
        @classmethod
        def all(cls, **options: Any) -> FindManyDocuments[Self]: ...  # type: ignore[override]
        @classmethod
        def find_one(cls, *args: Mapping[Any, Any] | bool, **options: Any) -> FindOneDocument[Self]: ...  # type: ignore[override]

    @classmethod
    async def get(
        cls,
        document_id: Any,
        session: Session = None,
        ignore_cache: bool = False,
        fetch_links: bool = False,
        with_children: bool = False,
        nesting_depth: int | None = None,
        nesting_depths_per_field: dict[str, int] | None = None,
        **pymongo_kwargs: Any,
    ) -> Self | None:
        """The document with this id, or None when there is none.

        Raises:
            ValidationFailed: the value is no id of this model.
        """
        loader = loader_of(cls)
        if loader is None or fetch_links:
            found: Self | None = await super().get(
                document_id,
                session=session,
                fetch_links=fetch_links,
                with_children=with_children,
                nesting_depth=nesting_depth,
                nesting_depths_per_field=nesting_depths_per_field,
                **pymongo_kwargs,
            )
            return found
        return cast(
            "Self | None",
            await load_one(
                cls.get_pymongo_collection(),
                {"_id": encode_value(known_id(cls, document_id))},
                loader,
                session=session,
                **pymongo_kwargs,
            ),
        )

    @classmethod
    async def get_many(cls, ids: Iterable[Any], *, session: Session = None) -> list[Self]:
        """The documents with these ids in one query, in the order asked; an id without a document is left out.

        Raises:
            ValidationFailed: a value is no id of this model.
        """
        wanted = [as_key(encode_value(known_id(cls, each))) for each in ids]
        found = await cls.find(trusted({"_id": {"$in": list(dict.fromkeys(wanted))}}), session=session).to_list()
        by_id = {as_key(encode_value(document.id)): document for document in found}
        return [by_id[each] for each in wanted if each in by_id]

    @classmethod
    async def distinct(
        cls, key: Any, filter: Mapping[str, Any] | None = None, session: Session = None, **kwargs: Any
    ) -> list[Any]:
        """The distinct values of a field among the documents that match."""
        found: list[Any] = await cls.find(filter or {}).distinct(key, session=session, **kwargs)
        return found

    @classmethod
    async def inspect_collection(cls, session: Session = None) -> InspectionResult:
        """Which stored documents do not fit this class; also those that a query would load leniently."""
        return await inspect_documents(cls, session)

    @classmethod
    def _add_class_id_filter(cls, args: tuple[Any, ...], with_children: bool = False) -> tuple[Any, ...]:
        # Beanie adds its own condition for inherited documents, unless the caller's names the class. The caller's is
        # not judged yet, so only our own filters are asked.
        known = tuple(each for each in args if isinstance(each, TrustedFilter | CompiledFilter))
        own: tuple[Any, ...] = super()._add_class_id_filter(known, with_children)
        return (*args, *(trusted(each) for each in own[len(known) :]))
