"""What is killed: ``python -m tests.faults.killed <kind> <settings as JSON>`` runs one worker until it is."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from docstore.clients.mail import Mail
from docstore.documents import Event, Index, NonEmpty, SystemDocument, index
from docstore.models import ALL
from docstore.outbox import Relay, handle_once
from docstore.settings import Settings
from docstore.store import Store
from docstore.workers import ConsumerRunner, Message, NewsletterWorker, PublishingWorker, SenderWorker, Worker, sending

LEASE_S = 1.0
SESSION_S = 1.5
"""Short, so that whoever comes after a killed one is at work before it is killed too."""


class Numbered(Event):
    """Events of a key, numbered as they were committed."""

    name: ClassVar[str] = "faults.numbered"
    collection: ClassVar[str] = "Faults"

    number: int


class Ledger(SystemDocument):
    """The effect of an event, with the number of its key's effect before. Nothing forbids a second one."""

    key: NonEmpty
    number: int
    before: int

    indexes: ClassVar[Sequence[Index]] = (index("key", "-number", serves="the last effect of a key"),)


MODELS = (*ALL, Ledger)


class Bookkeeper:
    """A consumer whose effect commits with the inbox's row."""

    group = "faults-bookkeeper"
    topics = (Numbered.name,)

    async def handle(self, message: Message) -> None:
        body = message.json()
        assert message.event_id is not None

        async def enter() -> None:
            last = await Ledger.find(Ledger.key == body["aggregateId"]).sort("-number").first_or_none()
            before = -1 if last is None else last.number
            await Ledger(key=body["aggregateId"], number=body["number"], before=before).insert()

        await handle_once(self.group, message.event_id, enter)


class FileMail:
    """A mail provider that writes the key of each e-mail to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, mail: Mail) -> str:
        await asyncio.sleep(0.002)
        with self._path.open("ab", buffering=0) as file:
            file.write(f"{mail.key}\n".encode())
        return mail.key


def _worker(kind: str) -> Worker:
    if kind == "consumer":
        return Bookkeeper()
    if kind == "newsletter":
        return NewsletterWorker(batch=10)
    sending._LEASE_S = LEASE_S  # type: ignore[misc]  # it waits as long for a sender that was killed
    return SenderWorker(FileMail(Path(os.environ["FAULTS_MAIL"])))


async def main(kind: str, settings: dict[str, Any]) -> None:
    async with Store(Settings(**settings), models=MODELS) as store:
        stop = asyncio.Event()
        print("ready", flush=True)
        if kind == "relay":
            await Relay(await store.publisher(), lease_seconds=LEASE_S).run(stop, poll_s=0.1)
        elif kind == "publisher":
            await PublishingWorker(poll_s=0.05).run(stop)
        else:
            worker = _worker(kind)
            run = ConsumerRunner(worker)
            reading = store.make_consumer(worker.group, worker.topics, listener=run, session_timeout_s=SESSION_S)
            async with reading as consumer:
                await run.run(consumer, stop)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
