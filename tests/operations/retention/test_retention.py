"""Retention on a real server: what is due goes, the rest stays, and what is referred to is held back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import pytest
import pytest_asyncio
from bson import ObjectId
from tests.databases import drop_database

from docstore import Document, Store
from docstore.clients.leases import MongoLease
from docstore.documents import Aged, OnDelete, PydanticObjectId, Ref, Retention, utc_now
from docstore.documents.audit import AuditEntry, seal_audit, verify_chain
from docstore.errors import LeaseHeld, SettingsError
from docstore.models import CrawlerJob, QueryLog, Session
from docstore.operations.retention import RetentionProgress, RetentionReport, rules_of, run_retention
from docstore.outbox import InboxEntry, OutboxEntry
from docstore.settings import Settings
from docstore.store import SYSTEM_MODELS

MONTH = timedelta(days=30)


class Parcel(Document):
    label: str

    retention: ClassVar[Retention | None] = Retention(deleted=MONTH)


class Scan(Document):
    parcel_id: Annotated[PydanticObjectId, Ref("Parcel", on_delete=OnDelete.NOTHING)]
    at: str = ""


class Receipt(Document):
    parcel_id: Annotated[PydanticObjectId, Ref("Parcel", on_delete=OnDelete.CASCADE)]


MODELS = (Parcel, Scan, Receipt, CrawlerJob, QueryLog)


@pytest_asyncio.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with Store(settings, models=MODELS) as opened:
        yield opened
        await drop_database(opened.client, opened.database.name)


async def deleted_parcels(store: Store, count: int, *, days: int) -> list[Any]:
    """Parcels that were deleted so many days ago."""
    parcels = [await Parcel(label=f"{days}-{n}").insert() for n in range(count)]
    for parcel in parcels:
        await parcel.delete()
    ids = [parcel.id for parcel in parcels]
    then = utc_now() - timedelta(days=days)
    await store.database.Parcel.update_many({"_id": {"$in": ids}}, {"$set": {"deletedAt": then}})
    return ids


async def run(store: Store, **options: Any) -> RetentionReport:
    return await run_retention(store.database, store.models, **options)


def row(report: RetentionReport, collection: str, rule: str = "deleted") -> Any:
    return next(each for each in report.rows if (each.collection, each.rule) == (collection, rule))


async def test_a_dry_run_counts_and_changes_nothing(store: Store) -> None:
    await deleted_parcels(store, 3, days=40)

    report = await run(store)

    assert (row(report, "Parcel").found, row(report, "Parcel").removed, report.applied) == (3, 0, False)
    assert await Parcel.deleted.count() == 3


async def test_what_was_deleted_long_ago_goes_and_the_rest_stays(store: Store) -> None:
    await deleted_parcels(store, 5, days=40)
    lately = await deleted_parcels(store, 2, days=10)
    living = await Parcel(label="living").insert()
    seen: list[RetentionProgress] = []

    report = await run(store, apply=True, batch=2, on_progress=seen.append)

    assert row(report, "Parcel").removed == 5
    assert {each.id for each in await Parcel.with_deleted.find().to_list()} == {*lately, living.id}
    assert [(each.done, each.total) for each in seen if each.collection == "Parcel"] == [(2, 5), (4, 5), (5, 5)]
    assert (await run(store, apply=True)).found == 0


async def test_what_went_into_the_trash_with_it_goes_with_it(store: Store) -> None:
    parcel = await Parcel(label="with a receipt").insert()
    await Receipt(parcel_id=parcel.id).insert()
    await parcel.delete()
    await store.database.Parcel.update_one({"_id": parcel.id}, {"$set": {"deletedAt": utc_now() - 2 * MONTH}})

    await run(store, apply=True)

    assert await Receipt.with_deleted.find().count() == 0


async def test_what_a_living_document_refers_to_is_held_back(store: Store) -> None:
    first, second, third = await deleted_parcels(store, 3, days=40)
    await store.database.Receipt.insert_one({"parcelId": second})

    report = await run(store, apply=True)

    assert (row(report, "Parcel").removed, row(report, "Parcel").held_back) == (2, 1)
    assert [each.id for each in await Parcel.deleted.find().to_list()] == [second]
    assert {first, third}.isdisjoint({each["_id"] async for each in store.database.Parcel.find()})


async def test_the_trash_without_a_date_is_counted_and_stays(store: Store) -> None:
    await store.database.Parcel.insert_one({"label": "old spelling", "isDeleted": True})

    report = await run(store, apply=True)

    assert (row(report, "Parcel").found, row(report, "Parcel").undated) == (0, 1)
    assert await Parcel.deleted.count() == 1


async def test_finished_jobs_go_by_when_they_were_done(store: Store) -> None:
    old, now = utc_now() - 2 * MONTH, utc_now()
    await store.database.CrawlerJob.insert_many(
        [
            {"url": "a", "status": "COMPLETED", "completedAt": old},
            {"url": "b", "status": "FAILED", "completedAt": old},
            {"url": "c", "status": "COMPLETED", "completedAt": now},
            {"url": "d", "status": "PENDING", "completedAt": None},
            {"url": "e", "status": "RUNNING", "completedAt": old},
        ]
    )

    report = await run(store, apply=True)

    assert row(report, "CrawlerJob", "completed_at").removed == 2
    assert {each.url for each in await CrawlerJob.find_all().to_list()} == {"c", "d", "e"}


async def test_rows_of_mechanisms_go_by_their_own_rules(store: Store) -> None:
    old, now = utc_now() - 2 * MONTH, utc_now()
    await store.database.QueryLog.insert_many([{"query": "q", "duration": 1, "timestamp": each} for each in (old, now)])
    await store.database.OutboxEntry.insert_many(
        [
            {"_id": ObjectId(), "status": "PUBLISHED", "publishedAt": old},
            {"_id": ObjectId(), "status": "PUBLISHED", "publishedAt": now},
            {"_id": ObjectId(), "status": "PENDING", "publishedAt": None},
            {"_id": ObjectId(), "status": "DEAD", "publishedAt": old},
        ]
    )
    await store.database.InboxEntry.insert_many([{"_id": "a", "createdAt": old}, {"_id": "b", "createdAt": now}])

    report = await run(store, apply=True)

    assert (row(report, "QueryLog", "timestamp").removed, row(report, "InboxEntry", "created_at").removed) == (1, 1)
    assert row(report, "OutboxEntry", "published_at").removed == 1
    assert await store.database.OutboxEntry.count_documents({}) == 3


async def test_sealed_audit_entries_are_pruned_when_asked_and_the_chain_stays_whole(settings: Settings) -> None:
    async with Store(settings, models=(CrawlerJob, Session)) as store:
        job = await CrawlerJob(url="a").insert()
        await job.start()
        await job.complete()
        await seal_audit()
        entries = await AuditEntry.count()

        assert (await run_retention(store.database, store.models, apply=True)).found == 0
        report = await run_retention(store.database, store.models, apply=True, audit_after=timedelta(0))

        assert entries > 1
        assert row(report, "AuditEntry", "sealed").removed == entries - 1
        assert (await verify_chain()).ok
        await drop_database(store.client, store.database.name)


async def test_one_process_at_a_time(store: Store) -> None:
    await deleted_parcels(store, 1, days=40)

    async with MongoLease(store.database, "retention"):
        assert (await run(store)).found == 1
        with pytest.raises(LeaseHeld):
            await run(store, apply=True)
    assert await Parcel.deleted.count() == 1


async def test_an_interrupted_run_is_completed_by_the_next(store: Store) -> None:
    await deleted_parcels(store, 6, days=40)

    def interrupt(at: RetentionProgress) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run(store, apply=True, batch=2, on_progress=interrupt)
    assert await Parcel.deleted.count() == 4

    assert (await run(store, apply=True)).removed == 4


async def test_what_was_restored_meanwhile_stays(store: Store) -> None:
    first, second = await deleted_parcels(store, 2, days=40)
    loop = asyncio.get_running_loop()
    restoring: list[asyncio.Task[Any]] = []

    def restore_the_other(at: RetentionProgress) -> None:
        left = {first, second} - gone
        restoring.append(loop.create_task(Parcel.deleted.find({"_id": left.pop()}).restore()))

    gone: set[Any] = set()
    report = await run(store, apply=True, batch=1, rate=2, on_progress=restore_the_other)
    await asyncio.gather(*restoring)

    assert row(report, "Parcel").removed + await Parcel.count() == 2


def test_only_names_collections_with_a_rule() -> None:
    models = (*MODELS, *SYSTEM_MODELS)

    assert {rule.model for rule in rules_of(models)} == {Parcel, CrawlerJob, QueryLog, OutboxEntry, InboxEntry}
    assert [rule.model for rule in rules_of(models, only=["Parcel"])] == [Parcel]
    with pytest.raises(SettingsError, match="Receipt"):
        rules_of(models, only=["Receipt"])


def test_a_rule_on_no_attribute_is_refused() -> None:
    class Wrong(Document):
        retention: ClassVar[Retention | None] = Retention(aged=(Aged("finished", MONTH),))

    with pytest.raises(SettingsError, match="finished"):
        rules_of([Wrong])
    with pytest.raises(ValueError, match="negative"):
        Retention(deleted=timedelta(days=-1))
