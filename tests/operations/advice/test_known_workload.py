"""A workload whose missing, unused, redundant and low-value indexes are known beforehand: found, and nothing else."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from tests.databases import drop_database

from docstore import Document, Store
from docstore.documents import Index, declared_indexes, index, unique
from docstore.documents.filters import RegEx
from docstore.models import QueryLog
from docstore.operations.advice import Advice, AdviceReport, Kind, advise, prove
from docstore.settings import Settings

DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Ticket(Document):
    number: int
    project: str
    state: str
    team: str
    points: int
    urgent: bool
    assignee: str
    legacy_code: str
    body: str
    closed_reason: str | None = None
    opened_at: datetime

    indexes: ClassVar[tuple[Index, ...]] = (
        unique("number"),
        index("number", serves="a ticket by its number"),
        index("project", serves="the tickets of a project"),
        index("project", "-opened_at", serves="the tickets of a project, newest first"),
        index("assignee", "-opened_at", serves="somebody's tickets, newest first"),
        index("legacy_code", serves="nothing any more"),
        index("urgent", serves="urgent tickets"),
    )


MODELS = (Ticket, QueryLog)


async def fill(store: Store) -> None:
    chance = random.Random(3)
    rows = [
        {
            "number": n,
            "project": f"p{n % 40}",
            "state": chance.choice(["open", "waiting", "closed", "merged", "new"]),
            "team": f"t{n % 20}",
            "points": chance.randrange(1_000),
            "urgent": bool(n % 2),
            "assignee": f"a{n % 50}",
            "legacyCode": f"l{n}",
            "body": "words and words",
            "openedAt": DAY + timedelta(hours=n),
            "createdAt": DAY,
            "updatedAt": DAY,
        }
        for n in range(1_000)
    ]
    await store.database.Ticket.insert_many(rows)


async def work() -> None:
    for n in range(10):
        await Ticket.find(Ticket.number == n).to_list()
        await Ticket.find(Ticket.project == f"p{n}").sort("-openedAt").limit(5).to_list()
        await Ticket.find(Ticket.assignee == f"a{n}").sort("-openedAt").limit(5).to_list()
        await Ticket.find(Ticket.urgent == True).limit(3).to_list()  # noqa: E712 - an expression
        # These lack an index.
        await Ticket.find(Ticket.state == "open").sort("-openedAt").limit(10).to_list()
        await Ticket.find(Ticket.team == f"t{n}", Ticket.points >= 990).to_list()
    await Ticket.find(Ticket.body == "asked once").to_list()


@pytest_asyncio.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    logged = settings.with_urls(query_log=True, query_log_sample_rate=1)
    async with Store(logged, models=MODELS) as opened:
        wanted = [each.to_index_model(Ticket) for each in declared_indexes(Ticket)]
        await opened.database.Ticket.create_indexes(wanted)
        yield opened
        await drop_database(opened.client, opened.database.name)


async def advice_on(store: Store, **options: Any) -> AdviceReport:
    assert store.query_log is not None
    await store.query_log.written()
    return await advise(store.database, MODELS, **options)


def summed(report: AdviceReport) -> set[tuple[Kind, str]]:
    return {(each.kind, each.index or each.remedy.partition(", serves")[0]) for each in report.advice}


async def test_what_is_known_is_found_and_nothing_else(store: Store) -> None:
    await fill(store)
    await work()

    report = await advice_on(store)

    assert summed(report) == {
        (Kind.MISSING, 'index("state", "-opened_at"'),
        (Kind.MISSING, 'index("team", "points"'),
        (Kind.REDUNDANT, "ix_project"),
        (Kind.UNUSED, "ix_legacyCode"),
        (Kind.LOW_VALUE, "ix_urgent"),
    }
    missing = next(each for each in report.of(Kind.MISSING) if "state" in each.remedy)
    assert missing.remedy == ('index("state", "-opened_at", serves="Ticket by state, ordered by opened_at descending")')
    assert missing.keys == (("state", 1), ("openedAt", -1))
    assert (missing.evidence.count, missing.evidence.examined) == (10, 1_000)
    assert missing.evidence.total_ms >= missing.evidence.p95_ms > 0
    assert "does not count index use" in " ".join(report.notes)


async def test_with_the_indexes_it_asks_for_nothing_is_missing(store: Store) -> None:
    await fill(store)
    await work()
    for each in (await advice_on(store)).of(Kind.MISSING):
        await store.database.Ticket.create_index(list(each.keys))

    assert not (await advice_on(store)).of(Kind.MISSING)


async def test_a_declared_index_that_is_not_built_is_told_as_such(store: Store) -> None:
    await fill(store)
    await work()
    await store.database.Ticket.drop_index("ix_assignee_openedAt_desc")

    (found,) = (await advice_on(store)).of(Kind.NOT_BUILT)

    assert found.index == "ix_assignee_openedAt_desc"
    assert "docstore indexes sync" in found.remedy


async def test_scans_sorts_and_over_fetching(store: Store) -> None:
    await fill(store)
    for _ in range(6):
        await Ticket.find(RegEx(Ticket.body, "ord")).limit(5).to_list()
        await Ticket.find(Ticket.team != "t1").sort("points").to_list()
        await Ticket.find_all().to_list()
        await Ticket.find_all().skip(1_000).limit(5).to_list()

        # Most documents meet it: it stops early, and an index would not narrow it down.
        await Ticket.find({"closedReason": None}).limit(5).to_list()

    report = await advice_on(store)

    assert [each.reason for each in report.of(Kind.SCAN)] == [
        "all 1,000 documents are read, by a condition that no index can look up"
    ]
    assert [each.reason.partition(" are")[0] for each in report.of(Kind.SORT)] == ["950 documents"]
    assert {each.reason.partition(" are")[0] for each in report.of(Kind.OVERFETCH)} == {
        "1,000 documents",
        "up to 1,000 documents",
    }
    assert not report.of(Kind.MISSING)


async def test_rare_queries_and_small_collections_need_no_index(store: Store) -> None:
    await fill(store)
    await work()
    assert not (await advice_on(store, least_queries=100)).of(Kind.MISSING)

    await store.database.Ticket.delete_many({"number": {"$gt": 50}})
    assert not (await advice_on(store)).of(Kind.MISSING)


async def test_a_missing_index_is_proven_on_a_copy_that_goes_away(store: Store) -> None:
    await fill(store)
    for _ in range(6):
        await store.database.Ticket.find({"team": "t3"}).to_list()
    (missing,) = (await advice_on(store)).of(Kind.MISSING)

    proven = await prove(store.database, missing)

    assert proven.proof is not None
    assert (proven.proof.holds, proven.proof.forced) == (True, False)
    assert proven.proof.documents == 1_000
    assert (proven.proof.before.plan, proven.proof.before.examined) == ("COLLSCAN", 1_000)
    assert proven.proof.after.examined == proven.proof.after.returned
    assert not [name for name in await store.client.list_database_names() if name.startswith("docstore_prove_")]
    assert {each["name"] async for each in await store.database.Ticket.list_indexes()}.isdisjoint({"proposed"})


async def test_a_failed_proof_leaves_no_copy_behind(store: Store) -> None:
    await fill(store)
    await work()
    missing = (await advice_on(store)).of(Kind.MISSING)[0]

    def stop(name: str, done: int, total: int) -> None:
        raise KeyError(name)

    with pytest.raises(KeyError):
        await prove(store.database, missing, on_progress=stop)
    assert not [name for name in await store.client.list_database_names() if name.startswith("docstore_prove_")]


async def test_an_empty_log_is_said_to_be_empty(store: Store) -> None:
    report = await advice_on(store, since=timedelta(0))

    assert {each.kind for each in report.advice} == {Kind.REDUNDANT}
    assert any("log is empty" in note for note in report.notes)


def test_the_order_is_by_kind_then_cost() -> None:
    kinds = list(Kind)
    assert kinds.index(Kind.MISSING) < kinds.index(Kind.UNUSED) < kinds.index(Kind.OVERFETCH)
    assert Advice(Kind.SCAN, "c", "r", "d").evidence.count == 0
