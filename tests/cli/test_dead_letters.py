"""`docstore dead-letters`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from bson import ObjectId
from click.testing import Result
from pymongo import MongoClient

from docstore.settings import Settings

Run = Callable[..., Result]


def put(deployment: Settings, consumer: str, value: bytes, offset: int = 0) -> str:
    now = datetime.now(UTC)
    row = {
        "_id": ObjectId(),
        "consumer": consumer,
        "topic": "new-review-calculate",
        "partition": 0,
        "offset": offset,
        "eventId": f"e{offset}",
        "key": b"k",
        "value": value,
        "headers": {"ce_id": f"e{offset}"},
        "error": "it could not be read.",
        "createdAt": now,
        "updatedAt": now,
    }
    with MongoClient[dict[str, object]](deployment.mongo_uri.get_secret_value()) as client:
        client[deployment.database_name]["DeadLetter"].insert_one(row)
    return str(row["_id"])


def test_they_are_told_shown_tried_again_and_passed_over(run: Run, deployment: Settings) -> None:
    nobody = run("dead-letters", "status")
    assert nobody.exit_code == 0
    assert "0 wait for a decision" in nobody.stdout
    account = json.dumps({"accountId": "nobody's", "platform": "YOUTUBE"}).encode()
    good, bad = put(deployment, "docstore-ratings", account), put(deployment, "docstore-ratings", b"[]", 1)

    waiting = run("dead-letters", "status", "--worker", "ratings")
    assert waiting.exit_code == 1
    assert "docstore-ratings" in waiting.stdout
    assert good in waiting.stdout
    assert "new-review-calculate/0:1" in waiting.stdout
    assert json.loads(run("dead-letters", "status", "--worker", "newsletter", "--json").stdout)["waiting"] == {}

    shown = run("dead-letters", "show", good)
    assert "it could not be read." in shown.stdout
    assert "nobody" not in shown.stdout
    assert "nobody's" in run("dead-letters", "show", good, "--value").stdout

    again = run("dead-letters", "retry", "--all")
    assert again.exit_code == 1
    assert "Handled: 1 message." in again.stdout
    assert bad in again.stdout
    assert "no JSON object" in again.stdout
    assert run("dead-letters", "skip", bad, "--reason", "a test's").exit_code == 0
    done = json.loads(run("dead-letters", "status", "--json").stdout)
    assert (done["waiting"], done["handled"], done["skipped"]) == ({"docstore-ratings": 0}, 1, 1)
    assert json.loads(run("dead-letters", "show", bad, "--json").stdout)["note"] == "a test's"


def test_what_cannot_be_done_is_told(run: Run, deployment: Settings) -> None:
    assert "ids, or --all" in run("dead-letters", "retry").stderr
    missing = str(ObjectId())
    for command in (("retry", missing), ("show", missing), ("skip", missing, "--reason", "x")):
        refused = run("dead-letters", *command)
        assert refused.exit_code == 1
        assert missing in refused.stderr
    letter = put(deployment, "somebody-else", b"{}")
    refused = run("dead-letters", "retry", letter)
    assert refused.exit_code == 1
    assert "no worker of this installation reads for somebody-else" in refused.stderr
