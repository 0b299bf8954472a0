"""The crawler's queue, and entries of the query log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from docstore.models import CrawlerJob, JobStatus, QueryLog
from docstore.operations.seeding.plan import Plot, Row, Step

_SHAPES: Final = (
    'Post.find({"status": ?, "contentType": ?}).sort({"publishDate": -1})',
    'Account.find({"platform": ?}).sort({"followerCount": -1})',
    'Review.aggregate([{"$match": {"accountId": ?}}, {"$group": ?}])',
)


def _jobs(plot: Plot) -> Iterator[Row]:
    for number in range(16):
        # None waits, nor looks abandoned: a crawler would ask the network for pages that nobody wanted.
        failed = number % 4 == 3
        yield {
            "url": f"https://crawl.example.com/pages/{number + 1}",
            "status": JobStatus.FAILED if failed else JobStatus.COMPLETED,
            "priority": number % 3,
            "attempts": 3 if failed else 1,
            "started_at": plot.days_ago(0.5),
            "completed_at": plot.days_ago(0.49),
            "error": "timed out after 30 s" if failed else None,
            "result": None if failed else {"status": 200, "links": number},
            "created_at": plot.days_ago(1 + number / 100),
        }


def _query_logs(plot: Plot) -> Iterator[Row]:
    for number in range(30):
        yield {
            "query": _SHAPES[number % len(_SHAPES)],
            "duration": round(plot.rng("query", number).lognormvariate(2.5, 1), 2),
            "user_id": f"seed-{number:02}",
            "ip_address": f"198.51.100.{number + 1}",
            "timestamp": plot.days_ago(number / 2),
        }


JOB_STEPS: Final = (
    Step(CrawlerJob, ("url",), _jobs),
    Step(QueryLog, ("user_id", "query"), _query_logs),
)
