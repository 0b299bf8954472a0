"""The guarded client: what a guarded database hands out as its `client`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pymongo import AsyncMongoClient

from docstore.errors import RefusedOperation

if TYPE_CHECKING:
    from docstore.documents.guard.database import GuardedDatabase

Client = AsyncMongoClient[dict[str, Any]]


class GuardedClient:
    """A stand-in for AsyncMongoClient that leads to the guarded database and not around it.

    Sessions, topology and settings are the client's own. Other databases are plain: they are not docstore's.
    """

    def __init__(self, raw: Client, database: "GuardedDatabase") -> None:
        self._raw = raw
        self._database = database

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if hasattr(type(self._raw), name) or name.startswith("_"):
            return getattr(self._raw, name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        return self._database if name == self._database.name else self._database.beside(name)

    def __repr__(self) -> str:
        return f"GuardedClient({self._database.name!r})"

    def __eq__(self, other: object) -> bool:
        return self._raw == (other._raw if isinstance(other, GuardedClient) else other)

    def __hash__(self) -> int:
        return hash(self._raw)

    def get_database(self, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """A database: guarded where it is docstore's."""
        raw = self._raw.get_database(name, *args, **kwargs)
        if raw.name == self._database.name:
            return self._database.with_options(*args, **kwargs)
        return self._database.beside(raw.name) if not (args or kwargs) else raw

    def get_default_database(self, default: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """The database of the connection string: guarded where it is docstore's."""
        raw = self._raw.get_default_database(default, *args, **kwargs)
        return self._database.with_options(*args, **kwargs) if raw.name == self._database.name else raw

    async def bulk_write(self, models: Sequence[Any], *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: it writes past the guard."""
        self._refuse("client.bulk_write()", "it writes past the guard", "Use bulk_write() of each collection.")

    async def drop_database(self, name_or_database: Any, *args: Any, **kwargs: Any) -> None:
        """Drop another database than docstore's."""
        name = name_or_database if isinstance(name_or_database, str) else name_or_database.name
        if name == self._database.name:
            self._refuse("drop_database()", "it would destroy every document", "Use get_mongo_client().")
        await self._raw.drop_database(name, *args, **kwargs)

    async def watch(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: a raw change stream shows deleted documents."""
        self._refuse("client.watch()", "a raw change stream shows deleted documents", "Use get_mongo_client().")

    def _refuse(self, call: str, why: str, hint: str) -> NoReturn:
        raise RefusedOperation(f"{call} is refused: {why}.", hint=hint)
