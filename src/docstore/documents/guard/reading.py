"""The reading half of the guarded collection: handles and queries over the documents in scope."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from bson.codec_options import CodecOptions
from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor

from docstore.documents.guard.batches import BatchCursor
from docstore.documents.guard.cursor import GuardedCursor, GuardedRawBatchCursor, guard_cursor
from docstore.documents.guard.filters import narrow, refuse_scripts, refuse_unknown_options
from docstore.documents.guard.pipelines import guard_pipeline
from docstore.documents.guard.policy import GuardRegistry
from docstore.documents.guard.predicate import Scope
from docstore.documents.guard.watching import guard_change_stream
from docstore.documents.transactions import ambient_session
from docstore.errors import RefusedOperation

if TYPE_CHECKING:
    from docstore.documents.guard.database import GuardedDatabase

Document = dict[str, Any]
Session = AsyncClientSession | None


class ReadingCollection(AsyncCollection[Document]):
    """PyMongo's reads over the documents in scope; each joins the ambient transaction."""

    def __init__(
        self, raw: AsyncCollection[Document], database: "GuardedDatabase", registry: GuardRegistry, scope: Scope
    ) -> None:
        super().__init__(
            raw._database, raw.name, False, raw.codec_options, raw.read_preference, raw.write_concern, raw.read_concern
        )
        if not raw.write_concern.acknowledged:
            raise RefusedOperation(
                f"{raw.name} is asked for with unacknowledged writes: the guard would not know what they did.",
                hint="Leave the write concern at 1 or more.",
                collection=raw.name,
            )
        self._raw = raw
        self._guarded_database = database
        self._registry = registry
        self._asked_scope = scope

    # Ways to other handles

    @property
    def database(self) -> "GuardedDatabase":
        """The guarded database."""
        return self._guarded_database

    @property
    def raw(self) -> AsyncCollection[Document]:
        """The plain collection, unguarded: for the trash's own operations, which narrow by themselves."""
        return self._raw

    @property
    def deletes_softly(self) -> bool:
        """Whether a delete marks instead of removing."""
        return self._registry.policy(self.name).soft_delete

    @property
    def scope(self) -> Scope:
        """Which documents this handle sees."""
        return self._asked_scope if self.deletes_softly else Scope.ALL

    def in_scope(self, scope: Scope) -> Self:
        """The same collection over other documents: the trash, or everything."""
        return type(self)(self._raw, self._guarded_database, self._registry, scope)

    def with_options(self, *args: Any, **kwargs: Any) -> Self:  # type: ignore[override]  # the same options
        """The same guarded collection with other codec options, concerns or read preference."""
        options = self._raw.with_options(*args, **kwargs)
        return type(self)(options, self._guarded_database, self._registry, self._asked_scope)

    @cached_property
    def zoneless(self) -> Self:
        """The same collection, whose instants come without their zone where the driver would set UTC: at a price.

        For readers that set it by themselves.
        """
        options: CodecOptions[Document] = self.codec_options
        if not options.tz_aware or options.tzinfo is not None:
            return self
        return self.with_options(codec_options=options.with_options(tz_aware=False))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return self[name]

    def __getitem__(self, name: str) -> Any:
        return self._guarded_database[f"{self.name}.{name}"]

    # Queries

    def find(self, filter: Mapping[str, Any] | None = None, *args: Any, **kwargs: Any) -> GuardedCursor:
        """A cursor over the documents in scope that match."""
        kwargs["session"] = ambient_session(kwargs.get("session"))
        refuse_scripts(args[0] if args else kwargs.get("projection"), self.name)
        return guard_cursor(GuardedCursor, self, self._narrowed(filter), *args, **kwargs)

    def find_raw_batches(
        self, filter: Mapping[str, Any] | None = None, *args: Any, **kwargs: Any
    ) -> GuardedRawBatchCursor:
        """A cursor over raw BSON batches of the documents in scope that match."""
        kwargs["session"] = ambient_session(kwargs.get("session"))
        refuse_scripts(args[0] if args else kwargs.get("projection"), self.name)
        return guard_cursor(GuardedRawBatchCursor, self, self._narrowed(filter), *args, **kwargs)

    def find_batches(self, filter: Mapping[str, Any] | None = None, **kwargs: Any) -> "GuardedCursor | BatchCursor":
        """A cursor over batches of bytes of the documents in scope; over documents where the client decrypts them."""
        if self._raw.database.client.options.auto_encryption_opts is not None:
            return self.find(filter, **kwargs)
        kwargs["session"] = ambient_session(kwargs.get("session"))
        refuse_scripts(kwargs.get("projection"), self.name)
        return guard_cursor(BatchCursor, self, self._narrowed(filter), **kwargs)

    async def find_one(self, filter: Any = None, *args: Any, **kwargs: Any) -> Document | None:
        """The first document in scope that matches; a filter that is no mapping is an `_id`."""
        wanted = filter if filter is None or isinstance(filter, Mapping) else {"_id": filter}
        async for document in self.find(wanted, *args, **kwargs).limit(-1):
            return document  # of one document the server keeps no cursor open
        return None

    async def count_documents(
        self, filter: Mapping[str, Any], session: Session = None, comment: Any = None, **kwargs: Any
    ) -> int:
        """How many documents in scope match."""
        refuse_unknown_options(kwargs)
        joined = ambient_session(session)
        return await self._raw.count_documents(self._narrowed(filter), joined, comment, **kwargs)

    async def estimated_document_count(self, comment: Any = None, **kwargs: Any) -> int:
        """How many documents are in scope: counted, because the server's estimate includes the deleted."""
        return await self.count_documents({}, comment=comment, **kwargs)

    async def distinct(
        self,
        key: str,
        filter: Mapping[str, Any] | None = None,
        session: Session = None,
        comment: Any = None,
        hint: Any = None,
        **kwargs: Any,
    ) -> list[Any]:
        """The distinct values of `key` among the documents in scope that match."""
        refuse_unknown_options(kwargs)
        narrowed = self._narrowed(filter)
        return await self._raw.distinct(key, narrowed, ambient_session(session), comment, hint, **kwargs)

    async def aggregate(
        self,
        pipeline: Sequence[Mapping[str, Any]],
        session: Session = None,
        let: Mapping[str, Any] | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> AsyncCommandCursor[Document]:
        """Run a pipeline over the documents in scope; joins see no deleted document."""
        guarded = await self._checked_pipeline(pipeline, kwargs)
        return await self._raw.aggregate(guarded, ambient_session(session), let, comment, **kwargs)

    async def aggregate_raw_batches(
        self, pipeline: Sequence[Mapping[str, Any]], session: Session = None, comment: Any = None, **kwargs: Any
    ) -> Any:
        """As `aggregate`, in raw BSON batches."""
        guarded = await self._checked_pipeline(pipeline, kwargs)
        return await self._raw.aggregate_raw_batches(guarded, ambient_session(session), comment, **kwargs)

    def _narrowed(self, filter: Mapping[str, Any] | None) -> dict[str, Any]:
        return narrow(filter, self.scope, self.name)

    async def watch(
        self,
        pipeline: Sequence[Mapping[str, Any]] | None = None,
        full_document: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> AsyncCollectionChangeStream[Document]:
        """A change stream over living documents: a deletion arrives as ``delete``, a restoration as ``insert``.

        Updates carry the full document, looked up when the event is read, or the post-image when it is "required".

        Raises:
            RefusedOperation: the stream is asked for something by which deleted documents would be told.
        """
        refuse_scripts(pipeline, self.name)
        if self.scope is Scope.ALL:
            return await self._raw.watch(pipeline, full_document, *args, **kwargs)
        if self.scope is Scope.DELETED:
            raise RefusedOperation(
                f"a change stream over the trash of {self.name} tells nothing.",
                hint="Watch the model itself, or its with_deleted.",
                collection=self.name,
            )
        if full_document not in (None, "updateLookup", "required") or kwargs.get("full_document_before_change"):
            raise RefusedOperation(
                f"a change stream on {self.name} without the full document, or with pre-images, tells what is deleted.",
                hint="Leave full_document at 'updateLookup' or 'required', and pre-images out.",
                collection=self.name,
            )
        stages = guard_change_stream(pipeline)
        return await self._raw.watch(stages, full_document or "updateLookup", *args, **kwargs)

    async def _checked_pipeline(
        self, pipeline: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        refuse_unknown_options(options)
        guarded = guard_pipeline(pipeline, self._registry, self.scope, self.name)
        if guarded and "$out" in guarded[-1]:
            await self._guarded_database.refuse_if_trash_would_go(guarded[-1]["$out"])
        return guarded
