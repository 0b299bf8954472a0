"""A database with something of everything, and how two databases are held against each other."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from bson import encode
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from tests.databases import drop_database

from docstore.operations.backup import Place, open_place
from docstore.operations.backup.catalog import read_catalog
from docstore.operations.backup.journal import is_bookkeeping
from docstore.settings import Settings

Database = AsyncDatabase[dict[str, Any]]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty place for backups."""
    return open_place(str(tmp_path / "backups"))


@pytest_asyncio.fixture
async def client(settings: Settings) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    """A raw client."""
    made: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(settings.mongo_uri.get_secret_value(), tz_aware=True)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def source(client: AsyncMongoClient[dict[str, Any]]) -> AsyncIterator[Database]:
    """A database with indexes, a validator, a view, a capped collection and values of many types."""
    database = client[f"b{uuid4().hex[:12]}"]
    await fill(database)
    yield database
    await drop_database(client, database.name)


@pytest_asyncio.fixture
async def target(client: AsyncMongoClient[dict[str, Any]]) -> AsyncIterator[Database]:
    """An empty database."""
    database = client[f"r{uuid4().hex[:12]}"]
    yield database
    await drop_database(client, database.name)


async def fill(database: Database, documents: int = 1200) -> None:
    """Write what `source` holds."""
    await database["Post"].insert_many(
        [{"_id": number, "title": f"t{number}", "views": Int64(number), "n": number % 7} for number in range(documents)]
    )
    await database["Post"].create_index("title", unique=True, name="uq_title")
    await database["Post"].create_index(
        [("n", 1), ("views", -1)], name="ix_n_views", partialFilterExpression={"n": {"$gt": 1}}
    )
    await database["Types"].insert_one(
        {
            "dec": Decimal128("1.50"),
            "bin": Binary(b"\x00\x01", 5),
            "ts": Timestamp(7, 3),
            "double": 1.0,
            "none": None,
            "list": [1, {"a": Int64(2)}],
            "ünï": "✓",
        }
    )
    await database.command(
        {"create": "Checked", "validator": {"$jsonSchema": {"required": ["ok"], "properties": {"n": {"minimum": 1.5}}}}}
    )
    checked = database["Checked"]
    await checked.insert_many([{"_id": 1, "bad": True}, {"_id": 2, "ok": 1, "n": 2}], bypass_document_validation=True)
    await database.command({"create": "Ring", "capped": True, "size": 100_000, "max": 3})
    await database["Ring"].insert_many([{"_id": number} for number in range(5)])
    await database.create_collection("Empty")
    await database["odd/näme: 1"].insert_one({"_id": "x"})
    await database.command({"create": "Busy", "viewOn": "Post", "pipeline": [{"$match": {"n": {"$gt": 3}}}]})


async def contents(database: Database) -> dict[str, Any]:
    """All there is to compare: of each collection the options, the indexes and the documents' bytes by `_id`."""
    found: dict[str, Any] = {}
    for spec in await read_catalog(database):
        if is_bookkeeping(spec.name):
            continue
        documents: Mapping[bytes, bytes] = {}
        if not spec.is_view:
            collection = database.get_collection(
                spec.name, codec_options=database.codec_options.with_options(document_class=RawBSONDocument)
            )
            documents = {encode({"_id": raw["_id"]}): raw.raw async for raw in collection.find({})}
        indexes = sorted(str(sorted(each.items(), key=str)) for each in spec.indexes)
        found[spec.name] = (spec.kind, dict(spec.options), indexes, documents)
    return found
