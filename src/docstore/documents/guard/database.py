"""The guarded database: hands out guarded collections, and runs no command that walks around them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from bson import DBRef
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents.guard.collection import GuardedCollection
from docstore.documents.guard.pipelines import guard_pipeline, guard_stage
from docstore.documents.guard.policy import GuardRegistry
from docstore.documents.guard.predicate import Scope
from docstore.documents.transactions import ambient_session
from docstore.errors import RefusedOperation

if TYPE_CHECKING:
    from docstore.documents.guard.client import GuardedClient

Document = dict[str, Any]

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
    """

    def __init__(self, raw: AsyncDatabase[Document], registry: GuardRegistry) -> None:
        super().__init__(
            raw.client, raw.name, raw.codec_options, raw.read_preference, raw.write_concern, raw.read_concern
        )
        self._raw = raw
        self._registry = registry

    @property
    def client(self) -> "GuardedClient":  # type: ignore[override]  # narrower: guarded too
        """The guarded client."""
        from docstore.documents.guard.client import GuardedClient

        return GuardedClient(self._raw.client, self)

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
        self, pipeline: Sequence[Mapping[str, Any]], *args: Any, **kwargs: Any
    ) -> AsyncCommandCursor[Document]:
        """Run a pipeline that has no collection; its joins see no deleted document."""
        kwargs["session"] = ambient_session(kwargs.get("session"))
        stages = [guard_stage(stage, self._registry, self.name) for stage in pipeline]
        return await self._raw.aggregate(stages, *args, **kwargs)

    async def command(self, command: Any, *args: Any, **kwargs: Any) -> Any:
        """Run an administrative command; one that reads or writes documents is refused.

        Raises:
            RefusedOperation: the command is not known to leave documents alone.
        """
        name = command if isinstance(command, str) else next(iter(command), "")
        if str(name).lower() not in _ALLOWED_COMMANDS:
            self._refuse(f"the command {name!r}", "it walks around the guard")
        if str(name).lower() == "create" and isinstance(command, Mapping) and "viewOn" in command:
            command = {
                **command,
                "pipeline": self._guard_view(str(command["viewOn"]), command.get("pipeline") or ()),
            }
        return await self._raw.command(command, *args, **kwargs)

    async def create_collection(self, name: str, *args: Any, **kwargs: Any) -> GuardedCollection:
        """Create a collection, or a view that shows no deleted document."""
        if "viewOn" in kwargs:
            kwargs["pipeline"] = self._guard_view(kwargs["viewOn"], kwargs.get("pipeline") or ())
        await self._raw.create_collection(name, *args, **kwargs)
        return self[name]

    async def drop_collection(self, name_or_collection: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Drop a collection no model is bound to."""
        name = name_or_collection.name if isinstance(name_or_collection, AsyncCollection) else name_or_collection
        if self._registry.is_bound(name):
            self._refuse(f"drop_collection({name!r})", "it would destroy every document")
        return await self._raw.drop_collection(name, *args, **kwargs)

    async def dereference(self, dbref: DBRef, *args: Any, **kwargs: Any) -> Document | None:
        """The living document a DBRef points to."""
        if dbref.database not in (None, self.name):
            self._refuse("dereference() into another database", "it is not guarded")
        return await self[dbref.collection].find_one({"_id": dbref.id}, *args, **kwargs)

    async def cursor_command(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: it runs any command."""
        self._refuse("cursor_command()", "it walks around the guard")

    async def watch(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: a raw change stream shows deleted documents."""
        self._refuse("watch()", "a raw change stream shows deleted documents")

    async def validate_collection(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: its report counts deleted documents."""
        self._refuse("validate_collection()", "its report counts deleted documents")

    def _guard_view(self, source: str, pipeline: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return guard_pipeline(pipeline, self._registry, self._registry.living_scope(source), source)

    def _refuse(self, call: str, why: str) -> NoReturn:
        raise RefusedOperation(
            f"{call} is refused on the database {self.name}: {why}.",
            hint="Operations use get_mongo_client().",
        )
