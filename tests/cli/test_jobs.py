"""`docstore jobs`."""

import json
from collections.abc import Callable

from click.testing import Result
from pymongo import MongoClient

from docstore.settings import Settings

Run = Callable[..., Result]


def test_jobs_are_told_cancelled_and_tried_again(run: Run, deployment: Settings) -> None:
    assert run("seed", "--only", "CrawlerJob").exit_code == 0
    with MongoClient(deployment.mongo_uri.get_secret_value()) as client:
        jobs = client[deployment.database_name]["CrawlerJob"]
        jobs.update_many({}, {"$set": {"status": "PENDING", "scheduledAt": None, "attempts": 0}})
        job = str(jobs.find_one({})["_id"])
    told = run("jobs", "status")
    assert told.exit_code == 0
    assert "may begin now" in told.stdout
    assert "Cancelled: 1 job." in run("jobs", "cancel", job).stdout
    failed = run("jobs", "status", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["failed"] == [{"id": job, "attempts": 0, "error": "cancelled"}]
    assert "1 job will be tried again" in run("jobs", "retry", job).stdout
    assert run("jobs", "status").exit_code == 0
    again = run("jobs", "retry", job)
    assert again.exit_code == 1
    assert "no CrawlerJob in state FAILED" in again.stderr
    assert run("jobs", "retry").exit_code == 1
    assert json.loads(run("jobs", "retry", "--all", "--json").stdout) == {"ok": True, "jobs": 0}

    assert run("jobs", "cancel", job).exit_code == 0
    with MongoClient(deployment.mongo_uri.get_secret_value()) as client:
        database = client[deployment.database_name]
        other = str(database["CrawlerJob"].find_one({"status": "PENDING"})["_id"])
        mine, theirs = f"CrawlerJob/{job}", f"CrawlerJob/{other}"
        database["JobTicket"].insert_many(
            [
                {"_id": "CrawlerJob#a", "collection": "CrawlerJob", "job": theirs},
                {"_id": f"{mine}#key", "collection": "CrawlerJob", "job": mine, "key": "CrawlerJob#a"},
            ]
        )
    refused = run("jobs", "retry", job)
    assert refused.exit_code == 1
    assert f"{job} (its key is with {other})" in " ".join(refused.stderr.split())
    assert json.loads(run("jobs", "retry", "--all", "--json").stdout) == {"ok": True, "jobs": 0}
