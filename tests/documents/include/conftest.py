"""A small world of relations, a way to fill it, and an ear on the wire."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, ClassVar

import pytest_asyncio
from pydantic import Field
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent
from tests.databases import drop_database

from docstore.documents import (
    Document,
    Many,
    OnDelete,
    One,
    PydanticObjectId,
    Ref,
    belongs_to,
    bind,
    has_many,
    has_one,
)
from docstore.documents.transactions import use_client
from docstore.settings import Settings


class Writer(Document):
    name: str

    works: ClassVar[Many["Work"]] = has_many("Work", by="writer_id", sort="-title", limit=2)


class Label(Document):
    name: str


class Work(Document):
    title: str
    writer_id: Annotated[PydanticObjectId, Ref("Writer", on_delete=OnDelete.NOTHING)]
    editor_id: Annotated[PydanticObjectId | None, Ref("Writer", on_delete=OnDelete.NOTHING)] = None
    sequel_ids: Annotated[list[PydanticObjectId], Ref("Work", on_delete=OnDelete.NOTHING)] = Field(default_factory=list)

    check_references: ClassVar[bool] = False  # the tests refer to what is not there

    writer: ClassVar[One[Writer]] = belongs_to("writer_id")
    labels: ClassVar[Many[Label]] = has_many("Label", through="LabelOnWork")
    labels_by_name: ClassVar[Many[Label]] = has_many("Label", through="LabelOnWork", sort="name")
    remarks: ClassVar[Many["Remark"]] = has_many("Remark", sort="text")
    good: ClassVar[Many["Remark"]] = has_many("Remark", where={"good": True}, sort="text")
    count: ClassVar[One["WorkCount"]] = has_one("WorkCount")


class LabelOnWork(Document):
    work_id: Annotated[PydanticObjectId, Ref("Work", on_delete=OnDelete.NOTHING)]
    label_id: Annotated[PydanticObjectId, Ref("Label", on_delete=OnDelete.NOTHING)]


class Remark(Document):
    text: str
    good: bool = False
    work_id: Annotated[PydanticObjectId, Ref("Work", on_delete=OnDelete.NOTHING)]
    writer_id: Annotated[PydanticObjectId | None, Ref("Writer", on_delete=OnDelete.NOTHING)] = None

    writer: ClassVar[One[Writer]] = belongs_to("writer_id")


class WorkCount(Document):
    work_id: Annotated[PydanticObjectId, Ref("Work", on_delete=OnDelete.NOTHING)]
    views: int = 0


WORLD = (Writer, Label, Work, LabelOnWork, Remark, WorkCount)


class Ear(CommandListener):
    """Hears the names of the commands that read."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in ("find", "aggregate", "count", "getMore", "distinct"):
            self.heard.append(event.command_name)

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


@pytest_asyncio.fixture
async def ear(settings: Settings) -> AsyncIterator[Ear]:
    """The world bound to a fresh database, and an ear on its client."""
    listener = Ear()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo_uri.get_secret_value(), tz_aware=True, event_listeners=[listener]
    )
    await bind(client[settings.effective_database_name], WORLD)
    yield listener
    await drop_database(client, settings.effective_database_name)
    await client.close()
    use_client(None)


@pytest_asyncio.fixture
async def works(ear: Ear) -> AsyncIterator[list[Work]]:
    """Three works: two by Ada, one by Bob; four labels, remarks on the first two, a count of the first."""
    ada, bob = await Writer(name="Ada").insert(), await Writer(name="Bob").insert()
    labels = [await Label(name=name).insert() for name in ("zeta", "alpha", "mid", "gone")]
    made = [
        await Work(title="One", writer_id=ada.id, editor_id=bob.id).insert(),
        await Work(title="Two", writer_id=ada.id).insert(),
        await Work(title="Three", writer_id=bob.id).insert(),
    ]
    links = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 1)]
    for work, label in links:
        await LabelOnWork(work_id=made[work].id, label_id=labels[label].id).insert()
    await labels[3].delete()
    for work, text, writer in [(0, "c", bob), (0, "a", ada), (0, "b", None), (1, "d", bob)]:
        await Remark(
            text=text, work_id=made[work].id, writer_id=writer.id if writer else None, good=text < "c"
        ).insert()
    await WorkCount(work_id=made[0].id, views=7).insert()
    ear.heard.clear()
    yield made
