"""The contenders, each behind the same few operations. One that is not installed says so when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, Protocol


class Contender(Protocol):
    """One library on one database; an operation it does not have is missing.

    Operations that write take documents made beforehand, so that making them is not measured.
    """

    name: str

    async def open(self, uri: str, database: str) -> None:
        """Connect, and make what has to exist."""

    async def close(self) -> None:
        """Let go of everything."""

    def make(self, count: int) -> list[Any]:
        """New documents, not stored."""

    async def insert_many(self, documents: list[Any]) -> None:
        """Store many."""

    async def clear(self) -> None:
        """Remove all documents."""

    async def ids(self, count: int) -> list[Any]:
        """The ids of some stored documents, as the driver gives them."""


_HOMES: Final[Mapping[str, str]] = {
    "docstore": "with_docstore",
    "Beanie": "with_beanie",
    "PyMongo": "with_pymongo",
    "MongoEngine": "with_mongoengine",
    "ODMantic": "with_odmantic",
}


def contenders() -> tuple[list[Any], dict[str, str]]:
    """The contenders that are installed, and why the others are not here."""
    found, missing = [], {}
    for name, home in _HOMES.items():
        try:
            found.append(import_module(f"benchmarks.contenders.{home}").contender())
        except Exception as error:
            missing[name] = f"{type(error).__name__}: {error}"
    return found, missing
