"""Which databases are branches: each bears a mark in itself, so a branch and the knowledge of it never part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from docstore.documents import translated
from docstore.errors import BranchError

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient
    from pymongo.asynchronous.collection import AsyncCollection

MARK_COLLECTION: Final = "BranchMark"
SEPARATOR: Final = "__"

_ROW: Final = "branch"
_LONGEST_NAME: Final = 63
_REFUSED: Final = frozenset('/\\. "$*<>:|?\0')


class BranchState(StrEnum):
    """How a branch stands."""

    READY = "ready"
    COPYING = "copying"
    """It is being made, or was cut off while it was."""
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a database.

    Args:
        name: as DATABASE_BRANCH says it.
        base: the database it was copied from.
        created, expires: in UTC; one that never expires has None.
        sample: how many documents of each collection were asked for; None when all were copied.
        ready: whether the copy came to its end.
    """

    name: str
    base: str
    created: datetime
    expires: datetime | None
    sample: int | None
    ready: bool

    @property
    def database(self) -> str:
        """What the server calls it."""
        return database_of(self.base, self.name)

    def state(self, now: datetime) -> BranchState:
        """How it stands at a moment."""
        if self.expires is not None and self.expires <= now:
            return BranchState.EXPIRED
        return BranchState.READY if self.ready else BranchState.COPYING


def database_of(base: str, branch: str) -> str:
    """What the database of a branch is called.

    Raises:
        BranchError: MongoDB would refuse the name on one platform or another, or it is too long.
    """
    database = f"{base}{SEPARATOR}{branch}"
    if not branch or _REFUSED & set(branch):
        raise BranchError(
            f"{branch!r} cannot be the name of a branch.",
            hint="Letters, digits, '-' and '_'; none of / \\ . \" $ * < > : | ? and no spaces.",
        )
    if SEPARATOR in branch:
        raise BranchError(
            f"{branch!r} cannot be the name of a branch: {SEPARATOR!r} separates it from the database's name."
        )
    if len(database.encode()) > _LONGEST_NAME:
        room = _LONGEST_NAME - len(f"{base}{SEPARATOR}".encode())
        raise BranchError(
            f"the database {database!r} would have a name of more than {_LONGEST_NAME} bytes.",
            hint=f"The branch's name may have {max(0, room)} bytes here.",
        )
    return database


class Registry:
    """The branches of a database.

    Args:
        client: a raw client of the server.
        base: the database that branches are made of.
    """

    def __init__(self, client: AsyncMongoClient[dict[str, Any]], base: str) -> None:
        self._client = client
        self.base = base

    async def find(self, name: str) -> Branch | None:
        """A branch by name; None when there is no database of that name, or it is no branch."""
        with translated(MARK_COLLECTION):
            row = await self._marks(name).find_one({"_id": _ROW})
        return None if row is None else self._branch(name, row)

    async def expect(self, name: str) -> Branch:
        """A branch by name.

        Raises:
            BranchError: there is none; a database of that name that is no branch is said to be none.
        """
        if (found := await self.find(name)) is not None and found.base == self.base:
            return found
        if await self._exists(name):
            raise BranchError(
                f"the database {database_of(self.base, name)!r} is no branch of {self.base}: it bears no mark.",
                hint="It was not made by `docstore branch create`, so it is left alone.",
            )
        known = ", ".join(each.name for each in await self.all()) or "none"
        raise BranchError(f"{self.base} has no branch {name!r}.", hint=f"Its branches: {known}.")

    async def all(self) -> list[Branch]:
        """Every branch, the oldest first."""
        prefix = f"{self.base}{SEPARATOR}"
        with translated(MARK_COLLECTION):
            names = [each for each in await self._client.list_database_names() if each.startswith(prefix)]
            found = [await self.find(each.removeprefix(prefix)) for each in names if self._is_name(each, prefix)]
        return sorted((each for each in found if each is not None), key=lambda each: (each.created, each.name))

    async def mark(self, branch: Branch) -> None:
        """Claim the name for a branch that is about to be filled.

        Raises:
            BranchError: there is such a branch, or a database that is none.
        """
        with translated(MARK_COLLECTION):
            if await self.find(branch.name) is None and await self._exists(branch.name):
                raise BranchError(
                    f"there is a database {branch.database!r}, which is no branch; it is left alone.",
                    hint="Choose another name.",
                )
            try:
                await self._marks(branch.name).insert_one({"_id": _ROW, **_row(branch)})
            except DuplicateKeyError as error:
                raise BranchError(
                    f"{self.base} already has a branch {branch.name!r}.",
                    hint="Take another name, delete it, or replace it with --replace.",
                ) from error

    async def confirm(self, branch: Branch) -> None:
        """Say that the branch is complete."""
        with translated(MARK_COLLECTION):
            await self._marks(branch.name).update_one({"_id": _ROW}, {"$set": {"ready": True}})

    async def drop(self, branch: Branch) -> None:
        """Drop a branch's database; its mark goes last, so that half a deletion is still known for what it is."""
        database = self._client[branch.database]
        with translated(MARK_COLLECTION):
            await self._marks(branch.name).update_one({"_id": _ROW}, {"$set": {"ready": False}})
            for name in await database.list_collection_names():
                if name != MARK_COLLECTION and not name.startswith("system."):
                    await database.drop_collection(name)
            await self._client.drop_database(branch.database)

    def _is_name(self, database: str, prefix: str) -> bool:
        branch = database.removeprefix(prefix)
        return bool(branch) and SEPARATOR not in branch

    async def _exists(self, name: str) -> bool:
        with translated(MARK_COLLECTION):
            return database_of(self.base, name) in await self._client.list_database_names()

    def _marks(self, name: str) -> AsyncCollection[dict[str, Any]]:
        return self._client[database_of(self.base, name)].get_collection(
            MARK_COLLECTION, write_concern=WriteConcern("majority", j=True), read_concern=ReadConcern("local")
        )

    def _branch(self, name: str, row: Mapping[str, Any]) -> Branch:
        expires = row.get("expires")
        return Branch(
            name=name,
            base=row["base"],
            created=_aware(row["created"]),
            expires=None if expires is None else _aware(expires),
            sample=row.get("sample"),
            ready=bool(row.get("ready")),
        )


def _row(branch: Branch) -> dict[str, Any]:
    return {
        "base": branch.base,
        "created": branch.created,
        "expires": branch.expires,
        "sample": branch.sample,
        "ready": branch.ready,
    }


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
