"""The guarded database: hands out guarded collections, and runs no command that walks around them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from bson import DBRef
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents.guard.collection import GuardedCollection
from docstore.documents.guard.filters import refuse_scripts, refuse_unknown_options
from docstore.documents.guard.pipelines import guard_pipeline, guard_stages
from docstore.documents.guard.policy import GuardRegistry
from docstore.documents.guard.predicate import DELETED, Scope
from docstore.documents.transactions import ambient_session
from docstore.errors import RefusedOperation

if TYPE_CHECKING:
    from docstore.documents.guard.client import GuardedClient

Document = dict[str, Any]
Session = AsyncClientSession | None

_CALL_OPTIONS: Final = ("check", "allowable_errors", "read_preference", "codec_options", "session", "comment")
_SERVERS_OWN: Final = ("admin", "local", "config")

_ALLOWED_COMMANDS: Final = frozenset(
    {
        *("ping", "hello", "ismaster", "buildinfo", "serverstatus", "hostinfo", "connectionstatus", "whatsmyuri"),
        *("getparameter", "listcommands", "replsetgetstatus", "replsetgetconfig", "features", "top", "profile"),
        *("listcollections", "listindexes", "createindexes", "dropindexes", "create", "collmod"),
        *("createsearchindexes", "dropsearchindex", "updatesearchindex"),
        *("currentop", "killop", "usersinfo", "rolesinfo", "startsession", "endsessions", "refreshsessions"),
    }
)
"""Commands, in lower case, that neither show nor count nor change documents."""


class GuardedDatabase(AsyncDatabase[Document]):
    """A database whose collections are all guarded.

    Args:
        raw: the plain database.
        registry: the policies of its collections.
        home: docstore's own database, where this is one of the server's (admin, local, config).
    """

    def __init__(
        self, raw: AsyncDatabase[Document], registry: GuardRegistry, home: "GuardedDatabase | None" = None
    ) -> None:
        super().__init__(
            raw.client, raw.name, raw.codec_options, raw.read_preference, raw.write_concern, raw.read_concern
        )
        self._raw = raw
        self._registry = registry
        self._home = self if home is None else home

    @property
    def client(self) -> "GuardedClient":  # type: ignore[override]  # narrower: guarded too
        """The guarded client."""
        from docstore.documents.guard.client import GuardedClient

        return GuardedClient(self._raw.client, self._home)

    def beside(self, name: str) -> Any:
        """Another database of the same server: the server's own are guarded, the others are not docstore's."""
        raw = self._raw.client[name]
        return GuardedDatabase(raw, self._registry, self._home) if name in _SERVERS_OWN else raw

    @property
    def registry(self) -> GuardRegistry:
        """The policies of this database's collections."""
        return self._registry

    def get_collection(self, name: str, *args: Any, **kwargs: Any) -> GuardedCollection:
        """The guarded collection of this name."""
        return GuardedCollection(self._raw.get_collection(name, *args, **kwargs), self, self._registry, Scope.LIVING)

    def __getitem__(self, name: str) -> GuardedCollection:
        return self.get_collection(name)

    def __getattr__(self, name: str) -> GuardedCollection:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return self[name]

    def with_options(self, *args: Any, **kwargs: Any) -> "GuardedDatabase":  # type: ignore[override]  # same options
        """The same guarded database with other codec options, concerns or read preference."""
        return GuardedDatabase(self._raw.with_options(*args, **kwargs), self._registry)

    async def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], session: Session = None, **kwargs: Any
    ) -> AsyncCommandCursor[Document]:
        """Run a pipeline that has no collection; its joins see no deleted document."""
        refuse_unknown_options(kwargs)
        refuse_scripts(pipeline, self.name)
        stages = guard_stages(pipeline, self._registry, self.name)
        return await self._raw.aggregate(stages, ambient_session(session), **kwargs)

    async def command(self, command: Any, value: Any = 1, *args: Any, **kwargs: Any) -> Any:
        """Run an administrative command; one that reads or writes documents is refused.

        Raises:
            RefusedOperation: the command is not known to leave documents alone.
        """
        of_pymongo = {name: kwargs.pop(name) for name in _CALL_OPTIONS if name in kwargs}
        document = {command: value} if isinstance(command, str) else dict(command)
        document |= kwargs
        name = str(next(iter(document), ""))
        if name.lower() not in _ALLOWED_COMMANDS:
            self._refuse(f"the command {name!r}", "it walks around the guard")
        self._check_command(name.lower(), str(document[name]), document)
        if "viewOn" in document:
            document["pipeline"] = self.view_pipeline(str(document["viewOn"]), document.get("pipeline") or ())
        return await self._raw.command(document, 1, *args, **of_pymongo)

    async def create_collection(self, name: str, *args: Any, **kwargs: Any) -> GuardedCollection:
        """Create a collection, or a view that shows no deleted document."""
        if "viewOn" in kwargs:
            kwargs["pipeline"] = self.view_pipeline(kwargs["viewOn"], kwargs.get("pipeline") or ())
        await self._raw.create_collection(name, *args, **kwargs)
        return self[name]

    async def drop_collection(self, name_or_collection: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Drop a collection no model is bound to, and where nothing is in the trash."""
        name = name_or_collection.name if isinstance(name_or_collection, AsyncCollection) else name_or_collection
        if self._registry.is_bound(name):
            self._refuse(f"drop_collection({name!r})", "it would destroy every document")
        await self.refuse_if_trash_would_go(name)
        return await self._raw.drop_collection(name, *args, **kwargs)

    async def dereference(
        self, dbref: DBRef, session: Session = None, comment: Any = None, **kwargs: Any
    ) -> Document | None:
        """The living document a DBRef points to."""
        if dbref.database not in (None, self.name):
            self._refuse("dereference() into another database", "it is not guarded")
        collection = self[dbref.collection]
        return await collection.find_one({"_id": dbref.id}, session=session, comment=comment, **kwargs)

    async def refuse_if_trash_would_go(self, target: Any) -> None:
        """Refuse to overwrite or drop a collection of this database that holds deleted documents.

        Raises:
            RefusedOperation: names the collection.
        """
        form = target if isinstance(target, Mapping) else {"coll": target}
        if form.get("db", self.name) != self.name:
            return
        name = str(form.get("coll"))
        if await self._raw[name].find_one(dict(DELETED), {"_id": 1}) is not None:
            self._refuse(f"overwriting or dropping {name}", "deleted documents in it would be destroyed")

    async def list_collections(self, *args: Any, **kwargs: Any) -> AsyncCommandCursor[Any]:
        """A cursor over what is known of the collections; the raw database's, whose client is its session's."""
        return await self._raw.list_collections(*args, **kwargs)

    async def list_collection_names(self, *args: Any, **kwargs: Any) -> list[str]:
        """The names of all collections."""
        return await self._raw.list_collection_names(*args, **kwargs)

    async def cursor_command(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: it runs any command."""
        self._refuse("cursor_command()", "it walks around the guard")

    async def watch(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: a raw change stream shows deleted documents."""
        self._refuse("watch()", "a raw change stream shows deleted documents")

    async def validate_collection(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: its report counts deleted documents."""
        self._refuse("validate_collection()", "its report counts deleted documents")

    def _check_command(self, name: str, target: str, document: Mapping[str, Any]) -> None:
        if name == "createindexes":
            for index in document.get("indexes") or ():
                self[target].refuse_expiry(index)
        elif name == "collmod" and ("viewOn" in document or "pipeline" in document):
            self._refuse("collMod of a view", "it would change what the view hides")
        elif name == "collmod" and isinstance(document.get("index"), Mapping):
            self[target].refuse_expiry(document["index"])

    def view_pipeline(self, source: str, pipeline: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The pipeline of a view on `source` that shows no deleted document."""
        return guard_pipeline(pipeline, self._registry, self._registry.living_scope(source), source)

    def _refuse(self, call: str, why: str) -> NoReturn:
        raise RefusedOperation(
            f"{call} is refused on the database {self.name}: {why}.",
            hint="Operations use get_mongo_client().",
        )
