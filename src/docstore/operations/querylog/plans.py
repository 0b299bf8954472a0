"""How the server answers a query: the explain of its reading part, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from docstore.operations.querylog.shapes import leading

LIMIT_MS: Final = 1_000
"""What an explain may take before it is told without numbers."""

_NO_FIND: Final = ("$geoNear", "$search", "$searchMeta", "$vectorSearch", "$indexStats", "$collStats", "$changeStream")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server says of a query.

    Args:
        summary: its stages in words, such as ``IXSCAN ix_status``, ``COLLSCAN`` or ``SORT, COLLSCAN``.
        examined: documents read; None where the server did not run it.
        keys: index keys read; likewise.
        returned: documents found; likewise.
    """

    summary: str
    examined: int | None = None
    keys: int | None = None
    returned: int | None = None

    @property
    def scans(self) -> bool:
        """Whether the whole collection is read."""
        return "COLLSCAN" in self.summary

    @property
    def sorts(self) -> bool:
        """Whether the documents are sorted in memory."""
        return "SORT" in self.summary.split(", ")


async def explain(
    database: AsyncDatabase[dict[str, Any]], command: Mapping[str, Any], *, limit_ms: int = LIMIT_MS
) -> Plan | None:
    """Ask the server how it answers a command of the driver; outside any transaction, and nothing is written.

    Returns:
        None when the command reads nothing that can be explained, or the server refuses.
    """
    find = explainable(command)
    if find is None:
        return None
    for verbosity in ("executionStats", "queryPlanner"):
        asked = {"explain": find, "verbosity": verbosity, "maxTimeMS": limit_ms}
        try:
            return read_plan(await database.command(asked))
        except OperationFailure:
            continue  # it takes too long to be run: the plan alone will do
        except PyMongoError:
            return None
    return None


def explainable(command: Mapping[str, Any]) -> dict[str, Any] | None:
    """The reading part of a command as a ``find``: an index can serve no other part of it."""
    name = next(iter(command), "")
    collection = command.get(name)
    if not isinstance(collection, str):
        return None
    if name == "aggregate":
        pipeline = command.get("pipeline") or []
        if pipeline and next(iter(pipeline[0]), "") in _NO_FIND:
            return None
        filter_, sort, limit, skip = leading(pipeline)
        return _find(collection, command, filter_, sort, limit, skip)
    if name in ("update", "delete"):
        writes = command.get("updates" if name == "update" else "deletes")
        first = writes[0] if writes else {}
        return _find(collection, {**command, **first}, first.get("q"), None, 0 if first.get("multi") else 1, 0)
    if name in ("find", "count", "distinct", "findAndModify"):
        filter_ = command.get("filter", command.get("query"))
        limit = 1 if name == "findAndModify" else abs(int(command.get("limit") or 0))
        return _find(collection, command, filter_, command.get("sort"), limit, int(command.get("skip") or 0))
    return None


def read_plan(answer: Mapping[str, Any]) -> Plan:
    """The plan of a server's answer to ``explain``: of any version, from one server or from shards."""
    planner = answer.get("queryPlanner") or {}
    statistics = answer.get("executionStats") or {}
    stages = list(dict.fromkeys(_stages(planner.get("winningPlan") or {})))
    return Plan(
        summary=", ".join(stages) or "unknown",
        examined=statistics.get("totalDocsExamined"),
        keys=statistics.get("totalKeysExamined"),
        returned=statistics.get("nReturned"),
    )


def _find(
    collection: str, command: Mapping[str, Any], filter_: Any, sort: Any, limit: int, skip: int
) -> dict[str, Any] | None:
    if not isinstance(filter_, Mapping | type(None)):
        return None
    find: dict[str, Any] = {"find": collection, "filter": dict(filter_ or {})}
    if sort:
        find["sort"] = sort
    if limit:
        find["limit"] = limit
    if skip:
        find["skip"] = skip
    return find | {name: command[name] for name in ("hint", "collation", "let") if command.get(name) is not None}


def _stages(plan: Mapping[str, Any]) -> Iterator[str]:
    """The stages that say how documents are found and ordered, from the last to the first."""
    if isinstance(plan.get("queryPlan"), Mapping):  # the slot-based engine keeps the readable plan there
        yield from _stages(plan["queryPlan"])
        return
    stage = str(plan.get("stage", ""))
    if stage in ("IXSCAN", "DISTINCT_SCAN", "COUNT_SCAN", "TEXT_MATCH", "EXPRESS_IXSCAN"):
        yield f"{stage} {plan.get('indexName', '')}".strip()
    elif stage in ("COLLSCAN", "SORT", "SORT_MERGE", "IDHACK", "EXPRESS_IDHACK", "EXPRESS_CLUSTERED_IXSCAN", "EOF"):
        yield stage
    inner = [
        plan[name] for name in ("inputStage", "outerStage", "innerStage", "thenStage", "elseStage") if name in plan
    ]
    inner += list(plan.get("inputStages") or ())
    inner += [shard.get("winningPlan") or {} for shard in plan.get("shards") or ()]
    for each in inner:
        if isinstance(each, Mapping):
            yield from _stages(each)
