"""The ambient transaction: all or nothing, joined when nested, retried where it says so."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from docstore.documents import (
    Document,
    SystemDocument,
    current_transaction,
    run_in_transaction,
    transaction,
    transactional,
    unique,
)
from docstore.documents.transactions import ambient_session, open_transaction, use_client
from docstore.errors import NotBound, RefusedOperation, UniqueViolation


class Ledger(Document):
    slug: str = ""
    number: int = 0
    indexes = (unique("slug"),)


class LedgerLoud(Document):
    slug: str = ""
    announces = True


class LedgerRow(SystemDocument):
    slug: str = ""


@pytest.fixture
async def raw(bind_models: Any, database: Any) -> Any:
    await bind_models(Ledger, LedgerLoud, LedgerRow)
    for name in ("Ledger", "LedgerLoud", "LedgerRow"):
        if name not in await database.list_collection_names():
            await database.create_collection(name)
    return database["Ledger"]


EVERY_WRITE: dict[str, Any] = {
    "insert": lambda: Ledger(slug="new").insert(),
    "save": lambda: Ledger(slug="new").save(),
    "insert_many": lambda: Ledger.insert_many([Ledger(slug="new")]),
    "set": lambda: _old(lambda d: d.set({"number": 5})),
    "replace": lambda: _old(lambda d: d.replace()),
    "delete": lambda: _old(lambda d: d.delete()),
    "purge": lambda: _old(lambda d: d.purge(reason="test")),
    "find.update": lambda: Ledger.find().update({"$set": {"number": 5}}),
    "find.delete": lambda: Ledger.find().delete(),
    "find_one.update": lambda: Ledger.find_one().update([{"$set": {"number": 5}}]),
    "upsert": lambda: Ledger.find_one({"slug": "q"}).upsert({"$set": {"number": 1}}, on_insert=Ledger(slug="q")),
    "bulk": lambda: _bulk(),
    "find_one_and_update": lambda: Ledger.get_pymongo_collection().find_one_and_update({}, {"$set": {"number": 5}}),
    "replace_one": lambda: Ledger.get_pymongo_collection().replace_one({}, {"slug": "z"}),
    "restore": lambda: Ledger.deleted.restore(),
}


async def _old(act: Any) -> None:
    await act(await Ledger.find_one({"slug": "old"}))


async def _bulk() -> None:
    async with Ledger.bulk_writer() as writer:
        await Ledger.insert_one(Ledger(slug="new"), bulk_writer=writer)
        await Ledger.find({"slug": "old"}).delete(bulk_writer=writer)


@pytest.mark.parametrize("name", EVERY_WRITE)
async def test_every_write_is_undone_when_the_block_fails(name: str, raw: Any) -> None:
    await raw.insert_many([{"slug": "old", "number": 1}, {"slug": "dead", "isDeleted": True}])
    before = await raw.find().to_list()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with transaction():
            await EVERY_WRITE[name]()
            assert await raw.find().to_list() == before  # nobody outside sees it
            raise ZeroDivisionError
    assert await raw.find().to_list() == before
    async with transaction():
        await EVERY_WRITE[name]()
    assert await raw.find().to_list() != before


async def test_reads_inside_see_what_was_written_inside(raw: Any) -> None:
    async with transaction():
        document = await Ledger(slug="a", number=1).insert()
        assert await Ledger.count() == 1
        assert await Ledger.find().to_list() == [document]
        assert await Ledger.get(document.id) is not None
        assert await Ledger.distinct("slug") == ["a"]
        assert await Ledger.aggregate([{"$count": "n"}]).to_list() == [{"n": 1}]
        assert await Ledger.get_pymongo_collection().estimated_document_count() == 1
        assert await raw.count_documents({}) == 0
        await document.delete()
        assert await Ledger.count() == 0
        assert await Ledger.deleted.count() == 1
        await document.restore()
    assert await Ledger.count() == 1


async def test_a_nested_block_joins(raw: Any) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with transaction() as outer:
            await Ledger(slug="a").insert()
            async with transaction() as inner:
                assert inner is outer is current_transaction()
                await Ledger(slug="b").insert()
            assert await run_in_transaction(lambda: Ledger.count()) == 2
            raise ZeroDivisionError
    assert await raw.count_documents({}) == 0
    assert current_transaction() is None
    assert ambient_session() is None


async def joined_block(fail: Callable[[], Awaitable[Any]]) -> None:
    async with transaction():
        await fail()


@pytest.mark.parametrize("nested", [joined_block, run_in_transaction, lambda fail: transactional(fail)()])
@pytest.mark.parametrize("model", [Ledger, LedgerLoud])
async def test_a_nested_block_that_failed_half_way_is_not_committed(raw: Any, nested: Any, model: Any) -> None:
    async def fail() -> None:
        await model(slug="half").insert()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with transaction():
            await model(slug="outer").insert()
            with contextlib.suppress(ZeroDivisionError):
                await nested(fail)
            await model(slug="later").insert()
    assert await model.count() == 0


@pytest.mark.parametrize("nested", [joined_block, run_in_transaction, lambda fail: transactional(fail)()])
async def test_a_nested_block_that_failed_before_it_wrote_leaves_the_outer_one_alone(raw: Any, nested: Any) -> None:
    async def refuse() -> None:
        assert await Ledger.count() == 1
        await Ledger.find_one({"slug": "nobody"}).update({"$set": {"slug": "x"}})
        raise ZeroDivisionError

    async with transaction():
        await Ledger(slug="outer").insert()
        with contextlib.suppress(ZeroDivisionError):
            await nested(refuse)
    assert await Ledger.count() == 1


async def test_a_part_that_was_cancelled_half_way_does_not_look_like_a_cancelled_whole(raw: Any) -> None:
    async def hang(limit: asyncio.Timeout) -> None:
        async with transaction():
            await Ledger(slug="half").insert()
            limit.reschedule(0)  # its time is over now
            await asyncio.Event().wait()

    with pytest.raises(RefusedOperation, match="cancelled"):  # noqa: PT012 - the block is what is tested
        async with transaction():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None) as limit:
                    await hang(limit)
    assert await Ledger.count() == 0


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("announces", [False, True])
async def test_a_task_that_outlives_its_transaction_is_told(raw: Any, fails: bool, announces: bool) -> None:
    ended = asyncio.Event()
    model = LedgerLoud if announces else Ledger

    async def late(work: Callable[[], Awaitable[Any]]) -> None:
        await ended.wait()
        assert current_transaction() is None
        await work()

    works = (lambda: model(slug="late").insert(), model.count, lambda: joined_block(model.count))
    with contextlib.suppress(ZeroDivisionError):
        async with transaction():
            await model(slug="in time").insert()
            tasks = [asyncio.create_task(late(work)) for work in works]
            if fails:
                raise ZeroDivisionError
    ended.set()
    for each in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(each, RefusedOperation)
        assert "has ended" in str(each)
    assert await model.count() == int(not fails)


async def test_every_hook_is_called_even_where_one_fails(raw: Any) -> None:
    called: list[int] = []

    def hook(number: int) -> Any:
        async def call() -> None:
            called.append(number)
            if number % 2:
                raise ZeroDivisionError(number)

        return call

    with pytest.raises(ZeroDivisionError, match="1"):  # noqa: PT012 - the block is what is tested
        async with transaction() as running:
            await Ledger(slug="a").insert()
            for number in range(5):
                running.after_commit(hook(number))
    assert called == [0, 1, 2, 3, 4]
    assert await Ledger.count() == 1


async def test_an_explicit_session_wins_over_the_ambient_one(raw: Any, database: Any) -> None:
    async with database.client.start_session() as session:
        await session.start_transaction()
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
            async with transaction():
                await Ledger(slug="ambient").insert()
                await Ledger(slug="explicit").insert(session=session)
                await LedgerLoud(slug="explicit").insert(session=session)
                assert await Ledger.find({}, session=session).count() == 1
                raise ZeroDivisionError
        await session.commit_transaction()
    assert [each["slug"] for each in await raw.find().to_list()] == ["explicit"]
    assert await LedgerLoud.count() == 1


async def test_a_joined_session_is_its_owners_to_commit(raw: Any, database: Any) -> None:
    async with database.client.start_session() as session:
        await session.start_transaction()
        async with open_transaction(database.client, session):
            await Ledger(slug="a").insert()
        assert session.in_transaction
        await session.abort_transaction()
    assert await raw.count_documents({}) == 0


async def test_a_task_keeps_the_transaction_it_was_started_in(raw: Any) -> None:
    async def outside() -> int:
        return await Ledger.count()

    before = asyncio.create_task(outside())
    async with transaction():
        await Ledger(slug="a").insert()
        assert await asyncio.create_task(outside()) == 1
    assert await before in (0, 1)
    other: list[bool] = []

    async def elsewhere() -> None:
        other.append(current_transaction() is None)

    started = asyncio.create_task(elsewhere())
    async with transaction():
        await started
    assert other == [True]


async def test_without_a_store_it_says_so() -> None:
    use_client(None)
    with pytest.raises(NotBound):
        async with transaction():
            pass


# Hooks


async def test_hooks_run_in_order_after_the_commit_alone(raw: Any) -> None:
    ran: list[Any] = []

    async def note(name: str) -> None:
        ran.append((name, await raw.count_documents({}), current_transaction()))

    async with transaction() as outer:
        await Ledger(slug="a").insert()
        outer.after_commit(lambda: note("first"))
        async with transaction() as inner:
            inner.after_commit(lambda: note("second"))
        assert ran == []
    assert ran == [("first", 1, None), ("second", 1, None)]
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with transaction() as failing:
            failing.after_commit(lambda: note("never"))
            raise ZeroDivisionError
    assert len(ran) == 2


async def test_a_hook_that_fails_does_not_repeat_what_is_committed(raw: Any) -> None:
    attempts: list[int] = []

    async def work() -> None:
        attempts.append(1)
        await Ledger(slug=f"s{len(attempts)}").insert()
        running = current_transaction()
        assert running is not None
        running.after_commit(fail)

    async def fail() -> None:
        raise OperationFailure("conflict", 112, {"errorLabels": ["TransientTransactionError"]})

    with pytest.raises(PyMongoError):
        await run_in_transaction(work)
    assert len(attempts) == 1
    assert await raw.count_documents({}) == 1


async def test_a_retried_attempt_leaves_no_hook_behind(raw: Any, database: Any) -> None:
    ran: list[int] = []
    attempts: list[int] = []

    async def note() -> None:
        ran.append(len(attempts))

    async def work() -> None:
        attempts.append(1)
        running = current_transaction()
        assert running is not None
        running.after_commit(note)
        if len(attempts) == 1:
            raise OperationFailure("conflict", 112, {"errorLabels": ["TransientTransactionError"]})

    await run_in_transaction(work)
    assert ran == [2]


# Retries


async def _conflict(raw: Any, document_id: Any) -> int:
    """Two transactions write one document: the second loses, and tries again."""
    attempts = 0
    first_wrote, second_failed = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with transaction():
            await Ledger.find_one({"_id": document_id}).inc({"number": 1})
            first_wrote.set()
            await second_failed.wait()

    async def second_work() -> None:
        nonlocal attempts
        attempts += 1
        await first_wrote.wait()
        try:
            await Ledger.find_one({"_id": document_id}).inc({"number": 10})
        except PyMongoError:
            second_failed.set()
            raise

    await asyncio.gather(first(), run_in_transaction(second_work))
    return attempts


async def test_a_real_write_conflict_is_retried(raw: Any) -> None:
    document = await Ledger(slug="a").insert()
    async with asyncio.timeout(60):
        attempts = await _conflict(raw, document.id)
    assert attempts >= 2
    assert (await raw.find_one())["number"] == 11


async def test_a_time_limit_that_the_driver_loses_ends_the_attempts(raw: Any) -> None:
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        with contextlib.suppress(asyncio.CancelledError):  # as asyncio.wait_for of Python 3.11 does, in which it sends
            await asyncio.sleep(60)
        conflict = OperationFailure("WriteConflict", 112)
        conflict._add_error_label("TransientTransactionError")
        raise conflict

    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await run_in_transaction(work)
    assert (attempts, task.cancelling()) == (1, 0)


async def test_many_at_once_lose_nothing(raw: Any) -> None:
    document = await Ledger(slug="a").insert()

    @transactional
    async def add(amount: int) -> int:
        read = await Ledger.get(document.id)
        assert read is not None
        await asyncio.sleep(0.005)
        await read.set({"number": read.number + amount})
        return amount

    assert await asyncio.gather(*(add(1) for _ in range(6))) == [1] * 6
    assert (await raw.find_one())["number"] == 6


@pytest.mark.parametrize(
    "fault",
    [
        {"errorCode": 112, "errorLabels": ["TransientTransactionError"]},
        {"closeConnection": True},
    ],
    ids=["write conflict", "closed connection"],
)
@pytest.mark.parametrize("route", ["raw", "document", "announcing"])
async def test_a_transient_fault_is_retried_whatever_route_met_it(
    fault: dict[str, Any], route: str, raw: Any, database: Any
) -> None:
    attempts: list[int] = []

    async def work() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            await database.client.admin.command(
                {
                    "configureFailPoint": "failCommand",
                    "mode": {"times": 1},
                    "data": {"failCommands": ["insert"], **fault},
                }
            )
        if route == "raw":
            await Ledger.get_pymongo_collection().insert_one({"slug": "a"})
        elif route == "document":
            await Ledger(slug="a").insert()
        else:
            await LedgerLoud(slug="a").insert()

    try:
        await run_in_transaction(work)
    finally:
        await database.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert len(attempts) == 2
    assert await raw.count_documents({}) == (0 if route == "announcing" else 1)
    assert await LedgerLoud.count() == (1 if route == "announcing" else 0)


async def test_what_is_no_race_is_not_retried(raw: Any) -> None:
    attempts: list[int] = []
    await Ledger(slug="a").insert()

    async def work() -> None:
        attempts.append(1)
        await Ledger(slug="a").insert()

    with pytest.raises(UniqueViolation):
        await run_in_transaction(work)
    assert attempts == [1]

    async def broken() -> None:
        attempts.append(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_in_transaction(broken)
    assert attempts == [1, 1]


async def test_a_cancelled_block_leaves_nothing(raw: Any, database: Any) -> None:
    written = asyncio.Event()

    async def slow() -> None:
        async with transaction():
            await Ledger(slug="a").insert()
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(slow())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await raw.count_documents({}) == 0
    await Ledger(slug="a").insert()  # no lock was left behind


async def test_an_announcing_write_alone_is_retried(raw: Any, database: Any) -> None:
    document = await LedgerLoud(slug="a").insert()
    command = {"failCommands": ["update"], "errorCode": 112, "errorLabels": ["TransientTransactionError"]}
    await database.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": command})
    try:
        await LedgerLoud.find({"_id": document.id}).update({"$set": {"slug": "b"}})
    finally:
        await database.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert (await LedgerLoud.get(document.id)).slug == "b"


async def test_a_unique_violation_inside_ends_the_block_as_such(raw: Any) -> None:
    await Ledger(slug="a").insert()
    with pytest.raises(UniqueViolation):  # noqa: PT012 - the block is what is tested
        async with transaction():
            await Ledger(slug="b").insert()
            await Ledger(slug="a").insert()
    assert await raw.count_documents({}) == 1


async def swallowed_by_a_document() -> None:
    with contextlib.suppress(UniqueViolation):
        await Ledger(slug="a").insert()


async def swallowed_by_many() -> None:
    with contextlib.suppress(UniqueViolation):
        await Ledger.insert_many([Ledger(slug="c"), Ledger(slug="a")])


async def swallowed_round_a_block() -> None:
    with contextlib.suppress(UniqueViolation):
        async with transaction():
            await Ledger(slug="a").insert()


async def swallowed_of_the_collection() -> None:
    with contextlib.suppress(PyMongoError):
        await Ledger.get_pymongo_collection().insert_one({"slug": "a"})


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize(
    "swallow",
    [swallowed_by_a_document, swallowed_by_many, swallowed_round_a_block, swallowed_of_the_collection],
)
async def test_a_swallowed_refusal_is_what_the_transaction_ends_in(raw: Any, swallow: Any, goes_on: bool) -> None:
    """The server has ended it: going on must neither look like success nor be tried until time is up."""
    await Ledger(slug="a").insert()
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        await Ledger(slug="b").insert()
        await swallow()
        if goes_on:
            await Ledger(slug="d").insert()

    with pytest.raises((UniqueViolation, DuplicateKeyError)) as refused:
        await run_in_transaction(work)
    assert attempts == 1
    assert await raw.count_documents({}) == 1
    if swallow is not swallowed_by_many:  # its own block had written, and took the whole with it
        assert "outside the block" in refused.value.__notes__[0]


async def test_a_refusal_does_not_hide_what_else_went_wrong(raw: Any) -> None:
    await Ledger(slug="a").insert()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with transaction():
            await swallowed_by_a_document()
            raise ZeroDivisionError
    assert await raw.count_documents({}) == 1
