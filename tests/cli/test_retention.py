"""`docstore retention` and `docstore shard plan`."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from docstore.documents import utc_now
from docstore.settings import Settings

Run = Any


def on_database(settings: Settings, work: Any) -> Any:
    async def connected() -> Any:
        async with AsyncMongoClient(settings.mongo_uri.get_secret_value()) as client:
            return await work(client[settings.effective_database_name])

    return asyncio.run(connected())


def test_counts_first_and_removes_when_told(run: Run, deployment: Settings) -> None:
    old = utc_now() - timedelta(days=90)

    async def fill(database: Any) -> None:
        await database.QueryLog.insert_many([{"query": "q", "duration": 1.0, "timestamp": old} for _ in range(3)])

    on_database(deployment, fill)

    looked = run("retention")
    assert looked.exit_code == 0, looked.stderr
    assert "3 documents are due" in looked.stdout
    assert "--apply" in looked.stdout
    told = json.loads(run("retention", "--apply", "--only", "QueryLog", "--json").stdout)
    assert (told["found"], told["removed"], told["applied"]) == (3, 3, True)
    assert "0 documents are due" in run("retention").stdout
    on_database(deployment, lambda database: database.client.drop_database(database.name))


def test_production_is_refused_without_yes(run: Run, deployment: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "PRODUCTION")
    monkeypatch.setenv("DATABASE_URL", deployment.mongo_uri.get_secret_value())

    refused = run("retention", "--apply")

    assert refused.exit_code == 1
    assert "PRODUCTION" in refused.stderr


def test_a_shard_plan_needs_no_database(run: Run, environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_METHOD", "LOCAL")
    monkeypatch.setenv("DATABASE_URL_LOCAL", "mongodb://127.0.0.1:1")

    plan = run("shard", "plan")

    assert plan.exit_code == 0, plan.stderr
    assert 'sh.shardCollection("docstore.Review", { "accountId": 1, "_id": 1 })' in plan.stdout
    told = json.loads(run("shard", "plan", "--json").stdout)
    assert told["collections"][0]["commands"]


def test_a_shard_plan_reads_log_and_data(run: Run, deployment: Settings) -> None:
    async def fill(database: Any) -> None:
        await database.EmailEvent.insert_many([{"eventId": f"e{n:03}"} for n in range(100)])
        shape = 'find EmailEvent {"filter": {"eventType": "?str"}, "living": true}'
        await database.QueryLog.insert_one({"query": shape, "params": {}, "duration": 1.0, "timestamp": utc_now()})

    on_database(deployment, fill)

    plan = run("shard", "plan", "--log", "--chunks", "4")

    assert plan.exit_code == 0, plan.stderr
    assert 'sh.splitAt("' + deployment.database_name + '.EmailEvent", { "eventId": "e025" })' in plan.stdout
    assert "all shards  find EmailEvent" in plan.stdout
    on_database(deployment, lambda database: database.client.drop_database(database.name))
