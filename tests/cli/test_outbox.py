"""`docstore outbox`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from click.testing import Result
from pymongo import MongoClient

from docstore.settings import Settings

Run = Callable[..., Result]


def rows(deployment: Settings) -> "MongoClient[dict[str, object]]":
    return MongoClient(deployment.mongo_uri.get_secret_value())


def test_events_are_told_given_up_tried_again_and_passed_over(run: Run, deployment: Settings) -> None:
    assert run("seed", "--only", "Tag").exit_code == 0
    waiting = run("outbox", "status")
    assert waiting.exit_code == 0
    assert "document.changed" in waiting.stdout
    assert "none runs" in waiting.stdout
    told = json.loads(run("outbox", "status", "--json").stdout)
    assert told["pending"]["document.changed"] > 0
    assert run("outbox", "status", "--max-age", "0").exit_code == 1

    with rows(deployment) as client:
        outbox = client[deployment.database_name]["OutboxEntry"]
        outbox.update_one({}, {"$set": {"status": "DEAD", "attempts": 10, "lastError": "refused"}})
        dead = outbox.find_one({"status": "DEAD"})
    assert dead is not None
    shown = run("outbox", "status")
    assert shown.exit_code == 1
    assert str(dead["eventId"]) in shown.stdout
    assert "refused" in shown.stdout
    assert "1 event will be tried again" in run("outbox", "retry", str(dead["eventId"])).stdout
    assert run("outbox", "status").exit_code == 0
    skipped = run("outbox", "skip", str(dead["eventId"]), "--reason", "sent by hand")
    assert "1 event will not be sent" in skipped.stdout
    assert run("outbox", "skip", str(dead["eventId"]), "--reason", " ").exit_code == 2
    unknown = run("outbox", "skip", "nothing", "--reason", "x")
    assert unknown.exit_code == 1
    assert "no such row" in unknown.stderr


def test_published_events_are_sent_again(run: Run, deployment: Settings) -> None:
    assert run("seed", "--only", "Tag").exit_code == 0
    with rows(deployment) as client:
        client[deployment.database_name]["OutboxEntry"].update_many(
            {}, {"$set": {"status": "PUBLISHED", "publishedAt": datetime(2026, 1, 5, 12, tzinfo=UTC)}}
        )
    assert json.loads(run("outbox", "replay", "--from", "2026-01-06", "--json").stdout)["events"] == 0
    assert json.loads(run("outbox", "replay", "--from", "2026-01-05T12:00", "--json").stdout)["events"] > 0
    assert run("outbox", "replay", "--from", "yesterday").exit_code == 2
