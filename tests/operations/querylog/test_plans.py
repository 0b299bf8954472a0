"""What an explain says: of answers recorded from servers of several kinds, and of the embedded one."""

from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from docstore.operations.querylog import Plan, explain, explainable, read_plan

STATISTICS = {"nReturned": 3, "totalKeysExamined": 4, "totalDocsExamined": 5}

RECORDED: dict[str, tuple[dict[str, Any], Plan]] = {
    "classic": (
        {
            "queryPlanner": {
                "winningPlan": {
                    "stage": "FETCH",
                    "inputStage": {"stage": "IXSCAN", "indexName": "ix_status", "keyPattern": {"status": 1}},
                }
            },
            "executionStats": STATISTICS,
        },
        Plan("IXSCAN ix_status", 5, 4, 3),
    ),
    "slot-based": (
        {
            "explainVersion": "2",
            "queryPlanner": {
                "winningPlan": {
                    "queryPlan": {"stage": "SORT", "inputStage": {"stage": "COLLSCAN", "direction": "forward"}},
                    "slotBasedPlan": {"slots": "", "stages": "[1] sort"},
                }
            },
            "executionStats": STATISTICS,
        },
        Plan("SORT, COLLSCAN", 5, 4, 3),
    ),
    "sharded": (
        {
            "queryPlanner": {
                "winningPlan": {
                    "stage": "SHARD_MERGE",
                    "shards": [
                        {
                            "shardName": "a",
                            "winningPlan": {"stage": "SHARDING_FILTER", "inputStage": {"stage": "COLLSCAN"}},
                        },
                        {"shardName": "b", "winningPlan": {"stage": "IXSCAN", "indexName": "ix_k"}},
                    ],
                }
            }
        },
        Plan("COLLSCAN, IXSCAN ix_k"),
    ),
    "or": (
        {
            "queryPlanner": {
                "winningPlan": {
                    "stage": "SUBPLAN",
                    "inputStage": {
                        "stage": "OR",
                        "inputStages": [
                            {"stage": "IXSCAN", "indexName": "ix_a"},
                            {"stage": "IXSCAN", "indexName": "ix_b"},
                        ],
                    },
                }
            }
        },
        Plan("IXSCAN ix_a, IXSCAN ix_b"),
    ),
    "express": (
        {"queryPlanner": {"winningPlan": {"stage": "EXPRESS_IXSCAN", "indexName": "uq_slug"}}},
        Plan("EXPRESS_IXSCAN uq_slug"),
    ),
    "empty": ({}, Plan("unknown")),
}


@pytest.mark.parametrize("kind", RECORDED)
def test_recorded_answers_are_read(kind: str) -> None:
    answer, plan = RECORDED[kind]

    assert read_plan(answer) == plan


def test_a_plan_tells_scans_and_sorts() -> None:
    assert (Plan("SORT, COLLSCAN").sorts, Plan("SORT, COLLSCAN").scans) == (True, True)
    assert (Plan("SORT_MERGE, IXSCAN a").sorts, Plan("IXSCAN a").scans) == (False, False)


@pytest.mark.parametrize(
    ("command", "find"),
    [
        (
            {"find": "c", "filter": {"a": 1}, "sort": {"b": 1}, "limit": -1, "projection": {"a": 1}, "lsid": {}},
            {"find": "c", "filter": {"a": 1}, "sort": {"b": 1}, "limit": 1},
        ),
        (
            {"aggregate": "c", "pipeline": [{"$match": {"a": 1}}, {"$limit": 2}, {"$set": {"b": 1}}]},
            {"find": "c", "filter": {"a": 1}, "limit": 2},
        ),
        (
            {"update": "c", "updates": [{"q": {"a": 1}, "u": {"$set": {"b": 1}}, "multi": True}], "txnNumber": 3},
            {"find": "c", "filter": {"a": 1}},
        ),
        ({"delete": "c", "deletes": [{"q": {"a": 1}, "limit": 1}]}, {"find": "c", "filter": {"a": 1}, "limit": 1}),
        (
            {"findAndModify": "c", "query": {"a": 1}, "sort": {"b": 1}},
            {"find": "c", "filter": {"a": 1}, "sort": {"b": 1}, "limit": 1},
        ),
        ({"count": "c", "query": {"a": 1}}, {"find": "c", "filter": {"a": 1}}),
        ({"aggregate": "c", "pipeline": [{"$geoNear": {}}]}, None),
        ({"aggregate": 1, "pipeline": []}, None),
        ({"insert": "c"}, None),
        ({}, None),
    ],
)
def test_the_reading_part_of_a_command_is_explained(command: dict[str, Any], find: dict[str, Any] | None) -> None:
    assert explainable(command) == find


async def test_a_server_explains_and_nothing_is_written(database: AsyncDatabase[dict[str, Any]]) -> None:
    await database.c.insert_many([{"_id": n, "k": n % 5} for n in range(100)])
    await database.c.create_index("k", name="ix_k")
    write = {"update": "c", "updates": [{"q": {"k": 3}, "u": {"$set": {"x": 1}}, "multi": True}]}

    assert await explain(database, write) == Plan("IXSCAN ix_k", 20, 20, 20)
    assert (await explain(database, {"find": "c", "filter": {"x": 1}})) == Plan("COLLSCAN", 100, 0, 0)
    assert await database.c.count_documents({"x": 1}) == 0
