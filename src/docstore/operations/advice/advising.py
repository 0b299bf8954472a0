"""Advice on a whole database: the log is read, each query explained, and every collection judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from docstore.documents import StoredDocument, translated, utc_now
from docstore.errors import SettingsError
from docstore.models import QueryLog
from docstore.operations.advice.facts import CollectionFacts, Database, draw_sample, model_collection, read_facts
from docstore.operations.advice.filling import sample_query
from docstore.operations.advice.findings import Advice, AdviceReport, Kind
from docstore.operations.advice.judging_indexes import LONG_ENOUGH, low_value, redundant, unused
from docstore.operations.advice.judging_queries import Judged, judge_queries, judged_of
from docstore.operations.advice.workload import ShapeUse, Workload, read_workload
from docstore.operations.querylog import explain

_ORDER: Final = tuple(Kind)
_LEAST_DOCUMENTS: Final = 100
_LEAST_QUERIES: Final = 5
_EXPLAINED: Final = 500
_LIMIT_MS: Final = 5_000


@dataclass(frozen=True)
class AdviceProgress:
    """The collection that is looked at: the `number`-th of `total`."""

    collection: str
    number: int
    total: int


async def advise(
    database: Database,
    models: Sequence[type[Any]],
    *,
    since: timedelta = timedelta(days=7),
    collections: Sequence[str] = (),
    least_queries: int = _LEAST_QUERIES,
    on_progress: Callable[[AdviceProgress], None] | None = None,
) -> AdviceReport:
    """Judge the indexes of a database and the queries in its log. Nothing is changed.

    Each query is explained anew, with values from a sample of the collection, as the log has none; the server runs it
    for that, for five seconds at most.

    Args:
        database: the raw database.
        models: document classes; they tell what is declared, and attribute names.
        since: how far back the log is read.
        collections: only these; all that a model or the log names when empty.
        least_queries: queries that ran less often need no index of their own.
        on_progress: called before each collection.

    Raises:
        SettingsError: `collections` names one that is not there.
        ServerUnavailable: the database does not answer.
    """
    stored = [model for model in models if issubclass(model, StoredDocument)]
    with translated(QueryLog.__name__):
        workload = await read_workload(database, since=utc_now() - since, collections=collections)
        known = _names(stored, workload)
        unknown = set(collections) - {*known, *(await database.list_collection_names() if collections else ())}
        if unknown:
            raise SettingsError(
                f"There is no collection {', '.join(sorted(unknown))}, neither of a model nor in the database.",
                hint=f"Models have {', '.join(known)}.",
            )
        names = list(collections) or known
        facts = await read_facts(database, names, stored)
        advice: list[Advice] = []
        for number, (name, each) in enumerate(facts.items(), 1):
            if on_progress is not None:
                on_progress(AdviceProgress(name, number, len(facts)))
            advice += await _judge(database, each, workload.of(name), least_queries)
    advice.sort(key=lambda each: (_ORDER.index(each.kind), -each.evidence.total_ms, each.collection, each.index))
    notes = tuple(_notes(workload, facts, utc_now()))
    return AdviceReport(tuple(advice), notes, workload.entries, len(workload.uses), len(facts))


def _names(models: Sequence[type[StoredDocument]], workload: Workload) -> list[str]:
    named = [model_collection(model) for model in models]
    named += [use.shape.collection for use in workload.uses]
    return [name for name in dict.fromkeys(named) if name != QueryLog.__name__ and not name.startswith("system.")]


async def _judge(database: Database, facts: CollectionFacts, uses: list[ShapeUse], least_queries: int) -> list[Advice]:
    if facts.documents:
        await draw_sample(database, facts)
    advice = [*redundant(facts), *unused(facts, uses, utc_now()), *low_value(facts)]
    judged: list[Judged] = []
    for use in [each for each in uses if each.count >= least_queries][:_EXPLAINED]:
        query = sample_query(use.shape, facts)
        plan = await explain(database, query, limit_ms=_LIMIT_MS) if query is not None else None
        judged.append(judged_of(use, plan, facts))
    advice += judge_queries(facts, judged, least=_LEAST_DOCUMENTS)
    # What is redundant needs no further reason to go.
    gone = {each.index for each in advice if each.kind is Kind.REDUNDANT}
    return [each for each in advice if each.kind is Kind.REDUNDANT or not each.index or each.index not in gone]


def _notes(workload: Workload, facts: dict[str, CollectionFacts], now: datetime) -> list[str]:
    notes = []
    if not workload.entries:
        notes.append("The query log is empty: only indexes were judged. Set QUERY_LOG=true and let it run for a while.")
    if workload.unread:
        notes.append(f"{workload.unread:,} entries of the log could not be read as queries.")
    held = [each for each in facts.values() if each.documents]
    if held and not any(each.counts_uses for each in held):
        notes.append("This server does not count index use; what is unused is judged by the log alone.")
    counted = [index.since for each in held for index in each.built if index.since is not None]
    if counted and now - min(counted) < LONG_ENOUGH:
        notes.append(
            f"The server has counted index use for less than {LONG_ENOUGH.days} days: nothing is called unused."
        )
    elif counted:
        notes.append("Index use is counted by the member that was asked; secondaries that serve reads count their own.")
    return notes
