"""A small library in which every rule occurs: who refers to whom, and every command sent to the server."""

from collections.abc import AsyncIterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.monitoring import CommandListener
from tests.databases import drop_database

from docstore.documents import (
    Document,
    OnDelete,
    PydanticObjectId,
    Ref,
    SystemDocument,
    bind,
    declared_indexes,
    unique,
)
from docstore.documents.transactions import use_client
from docstore.settings import Settings


class Writer(Document):
    name: str
    mentor_id: Annotated[PydanticObjectId | None, Ref("Writer", on_delete=OnDelete.NOTHING)] = None


class Shelf(Document):
    label: str
    inside_id: Annotated[PydanticObjectId | None, Ref("Shelf", on_delete=OnDelete.RESTRICT)] = None


class BookStatus(StrEnum):
    HERE = "HERE"
    LENT = "LENT"


class Book(Document):
    title: str
    status: BookStatus = BookStatus.HERE
    writer_id: Annotated[PydanticObjectId, Ref("Writer", on_delete=OnDelete.RESTRICT)]
    editor_id: Annotated[PydanticObjectId | None, Ref("Writer", on_delete=OnDelete.SET_NULL)] = None
    shelf_id: Annotated[PydanticObjectId | None, Ref("Shelf", on_delete=OnDelete.SET_NULL)] = None
    sequel_of_id: Annotated[PydanticObjectId | None, Ref("Book", on_delete=OnDelete.CASCADE)] = None

    indexes: ClassVar = (unique("title"),)


class Chapter(Document):
    title: str
    book_id: Annotated[PydanticObjectId, Ref("Book", on_delete=OnDelete.CASCADE)]

    indexes: ClassVar = (unique("title"),)


class Remark(Document):
    """On two things at once, and in reply to others."""

    text: str
    chapter_id: Annotated[PydanticObjectId | None, Ref("Chapter", on_delete=OnDelete.CASCADE)] = None
    book_id: Annotated[PydanticObjectId | None, Ref("Book", on_delete=OnDelete.CASCADE)] = None
    reply_to_id: Annotated[PydanticObjectId | None, Ref("Remark", on_delete=OnDelete.CASCADE)] = None
    by_id: Annotated[PydanticObjectId | None, Ref("Writer", on_delete=OnDelete.RESTRICT)] = None


class Sticker(SystemDocument):
    """Deleted for good."""

    book_id: Annotated[PydanticObjectId, Ref("Book", on_delete=OnDelete.CASCADE)]


class Careless(Document):
    book_id: Annotated[PydanticObjectId | None, Ref("Book", on_delete=OnDelete.CASCADE)] = None
    nobody_id: Annotated[PydanticObjectId | None, Ref("NotBoundHere", on_delete=OnDelete.RESTRICT)] = None

    check_references: ClassVar[bool] = False


class Crate(SystemDocument):
    """Deleted for good, and referred to."""


class Item(Document):
    crate_id: Annotated[PydanticObjectId, Ref("Crate", on_delete=OnDelete.CASCADE)]


class Anthology(Document):
    book_ids: Annotated[list[PydanticObjectId], Ref("Book", on_delete=OnDelete.CASCADE)]


class Loner(Document):
    name: str


MODELS = (Writer, Shelf, Book, Chapter, Remark, Sticker, Careless, Crate, Item, Anthology, Loner)


@dataclass
class Commands(CommandListener):
    """The commands sent, but for those that only open, commit and abort transactions."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    def started(self, event: Any) -> None:
        if event.command_name not in ("commitTransaction", "abortTransaction", "endSessions", "hello", "ping"):
            self.sent.append((event.command_name, str(event.command.get(event.command_name))))

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...

    @contextmanager
    def counted(self) -> Any:
        """The commands sent inside the block."""
        start = len(self.sent)
        inside: list[tuple[str, str]] = []
        yield inside
        inside += self.sent[start:]


@dataclass
class Library:
    """The bound models, the plain database, and the commands sent."""

    raw: AsyncDatabase[dict[str, Any]]
    commands: Commands
    Writer: type[Writer] = Writer
    Shelf: type[Shelf] = Shelf
    Book: type[Book] = Book
    Chapter: type[Chapter] = Chapter
    Remark: type[Remark] = Remark
    Sticker: type[Sticker] = Sticker
    Careless: type[Careless] = Careless
    Crate: type[Crate] = Crate
    Item: type[Item] = Item
    Anthology: type[Anthology] = Anthology
    Loner: type[Loner] = Loner

    async def content(self) -> dict[str, dict[Any, dict[str, Any]]]:
        """Every stored document, from behind the guard, but for the instants of the last change."""
        found: dict[str, dict[Any, dict[str, Any]]] = {}
        for model in MODELS:
            name = model.get_collection_name()
            documents = await self.raw[name].find({}).to_list()
            found[name] = {each.pop("_id"): {k: v for k, v in each.items() if k != "updatedAt"} for each in documents}
        return found

    async def writer(self, name: str = "Ada") -> Writer:
        return await Writer(name=name).insert()

    async def book(self, title: str = "One", **fields: Any) -> Book:
        if "writer_id" not in fields:
            fields["writer_id"] = (await self.writer(f"writer of {title}")).id
        return await Book(title=title, **fields).insert()

    async def living(self, document: Any) -> bool:
        return await type(document).get(document.id) is not None


@pytest_asyncio.fixture
async def library(settings: Settings) -> AsyncIterator[Library]:
    """A fresh library."""
    commands = Commands()
    uri = settings.mongo_uri.get_secret_value()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri, tz_aware=True, event_listeners=[commands])
    database = client[settings.effective_database_name]
    await bind(database, MODELS, audit=False)
    for model in MODELS:
        wanted = [each.to_index_model(model) for each in declared_indexes(model)]
        if wanted:
            await database[model.get_collection_name()].create_indexes(wanted)
    yield Library(database, commands)
    use_client(None)
    await drop_database(client, settings.effective_database_name)
    await client.close()
