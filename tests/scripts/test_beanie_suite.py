"""The comparison with Beanie: the swap reaches tests that know nothing of it, and what differs is told."""

from pathlib import Path

import pytest

from docstore.settings import Settings
from scripts.beanie_suite import main

SUITE = """
import os
import pytest
from beanie import Document, init_beanie
from pymongo import AsyncMongoClient

class Note(Document):
    note_text: str

@pytest.fixture
async def bound():
    async with AsyncMongoClient(os.environ["MONGODB_DSN"]) as client:
        await init_beanie(client[os.environ["MONGODB_DB_NAME"]], document_models=[Note])
        yield
        await client.drop_database(os.environ["MONGODB_DB_NAME"])

async def test_same(bound):
    note = await Note(note_text="a").insert()
    assert (await Note.find_one({"note_text": {"$eq": "a"}})).id == note.id

async def test_differs(bound):
    note = await Note(note_text="a").insert()
    assert await Note.get_pymongo_collection().find_one() == {"_id": note.id, "note_text": "a"}

async def test_fails(bound):
    assert "docstore" not in str(Document.__mro__)
    raise AssertionError("on both")
"""


def test_what_differs_is_told(settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "tests" / "odm"
    folder.mkdir(parents=True)
    (folder / "test_notes.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")

    code = main([str(tmp_path), "--mongodb", settings.mongo_uri.get_secret_value(), "--no-audit"])

    told = capfd.readouterr().out
    assert code == 1
    assert told.startswith("tests.odm.test_notes::test_differs\n    AssertionError")
    assert [line.split(maxsplit=1) for line in told.splitlines()[-3:]] == [
        ["1", "fails on Beanie, fails on docstore"],
        ["1", "passes on Beanie, fails on docstore"],
        ["1", "passes on Beanie, passes on docstore"],
    ]
