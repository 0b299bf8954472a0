"""A process that is killed in the middle of a large deletion leaves something that comes to its end, and back."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from tests.databases import end_transactions

from docstore.documents import DeletionStep, resume_deletions
from docstore.settings import Settings

CHILD = """
import asyncio, sys
from pymongo import AsyncMongoClient
from docstore.documents import bind, resume_deletions
from docstore.documents.integrity import bound, deletion, plan
from tests.documents.integrity.conftest import MODELS, Book

deletion.TRANSACTION_LIMIT = 5
for module in (deletion, plan, bound):
    module.BATCH = 2
take = deletion._take

async def told(*args):
    await take(*args)
    print("step", flush=True)

deletion._take = told

async def main():
    client = AsyncMongoClient(sys.argv[1], tz_aware=True)
    await bind(client[sys.argv[2]], MODELS, audit=False)
    await Book.find().delete()
    await resume_deletions()

asyncio.run(main())
"""


async def killed(uri: str, database: str, after_steps: int, pause: float) -> None:
    """Let a process delete the book, or go on deleting it, and kill it a moment after so many steps."""
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, uri, database), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert child.stdout is not None
    for _ in range(after_steps):
        assert await child.stdout.readline() == b"step\n"
    await asyncio.sleep(pause)
    child.send_signal(signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL


async def test_a_killed_deletion_comes_to_its_end_and_back(library: Any, settings: Settings) -> None:
    book = await library.book("long")
    parts = [library.Chapter(title=str(number), book_id=book.id) for number in range(30)]
    await library.Chapter.insert_many(parts)
    await library.Remark.insert_many([library.Remark(text="r", chapter_id=each.id) for each in parts])
    before = await library.content()
    seeded = random.Random(3)
    uri, name = settings.mongo_uri.get_secret_value(), settings.effective_database_name
    for steps in (1, 4):
        await killed(uri, name, steps, seeded.uniform(0, 0.01))
        await end_transactions(library.raw.client)
        assert await DeletionStep.count() > 0
        assert not await library.living(book)
    await resume_deletions()
    assert await DeletionStep.count() == 0
    assert await library.Chapter.count() == await library.Remark.count() == 0
    stored = [*await library.raw.Chapter.find().to_list(), *await library.raw.Remark.find().to_list()]
    assert len({each["deletionId"] for each in stored}) == 1
    await library.Book.deleted.find().restore()
    assert await library.content() == before
