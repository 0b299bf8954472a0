"""`docstore advise` on the test's own deployment."""

import asyncio
import json
from typing import Any

from pymongo import AsyncMongoClient
from tests.cli.conftest import Run
from tests.databases import drop_database

from docstore import Store
from docstore.models import Tag
from docstore.settings import Settings


def prepare(settings: Settings) -> None:
    async def fill() -> None:
        logged = settings.with_urls(query_log=True, query_log_sample_rate=1)
        async with Store(logged, models=(Tag,)) as store:
            rows = [{"slug": f"s{n}", "description": f"d{n % 200}"} for n in range(400)]
            await store.database.Tag.insert_many(rows)
            for _ in range(6):
                await Tag.find(Tag.description == "d7").to_list()

    asyncio.run(fill())


def drop(settings: Settings) -> list[str]:
    async def work() -> Any:
        async with AsyncMongoClient(settings.mongo_uri.get_secret_value()) as client:
            await drop_database(client, settings.effective_database_name)
            return await client.list_database_names()

    return asyncio.run(work())


def test_a_missing_index_is_printed_with_its_declaration_and_its_proof(run: Run, deployment: Settings) -> None:
    prepare(deployment)

    result = run("advise", "--prove", "--collection", "Tag")

    assert result.exit_code == 0, result.stderr
    assert 'index("description", serves="Tag by description")' in result.stdout
    assert "measured on a copy of 400 documents" in result.stdout
    assert "6 queries" in result.stdout
    assert not [name for name in drop(deployment) if name.startswith("docstore_prove_")]


def test_a_misspelled_collection_is_told(run: Run, deployment: Settings) -> None:
    result = run("advise", "--collection", "Tga")
    assert result.exit_code == 1
    assert "There is no collection Tga" in result.stderr


def test_one_object_for_machines(run: Run, deployment: Settings) -> None:
    prepare(deployment)

    told = json.loads(run("advise", "--json").stdout)

    (missing,) = [each for each in told["advice"] if each["kind"] == "missing"]
    assert (missing["collection"], missing["keys"]) == ("Tag", [["description", 1]])
    assert missing["evidence"]["examined"] == 400
    assert told["ok"]
    assert told["entries"] > 0
    drop(deployment)


def test_nothing_to_say_is_said(run: Run, deployment: Settings) -> None:
    result = run("advise")

    assert result.exit_code == 0
    assert "0 to change" in result.stdout
    assert "log is empty" in result.stdout
    drop(deployment)
