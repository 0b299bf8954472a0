"""A deletion too large for one transaction goes on in steps, and can be taken up where it stopped."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from docstore.documents import DeletionStep, resume_deletions, transaction
from docstore.documents.integrity import StepState, bound, deletion, plan
from docstore.errors import ReferenceViolation


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten documents are many, three a batch."""
    monkeypatch.setattr(deletion, "TRANSACTION_LIMIT", 10)
    for module in (deletion, plan, bound):
        monkeypatch.setattr(module, "BATCH", 3)


async def a_long_book(library: Any, chapters: int = 12) -> Any:
    shelf = await library.Shelf(label="s").insert()
    book = await library.book("b", shelf_id=shelf.id)
    parts = [library.Chapter(title=str(number), book_id=book.id) for number in range(chapters)]
    await library.Chapter.insert_many(parts)
    await library.Remark.insert_many([library.Remark(text="r", chapter_id=each.id) for each in parts])
    return book


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The process ends before the first step; undo() lets it go on."""

    async def end(*args: Any) -> bool:
        return False

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "take_steps", end)
        yield patch


async def test_it_comes_to_its_end_before_the_call_returns(library: Any) -> None:
    book = await a_long_book(library)
    before = await library.content()
    result = await book.delete()
    assert result.report.in_steps
    assert dict(result.report.deleted) == {"Book": 1, "Chapter": 12, "Remark": 12}
    assert await library.Chapter.count() == await library.Remark.count() == 0
    stored = await library.raw.Remark.find({}).to_list()
    assert {each["deletionId"] for each in stored} == {book.deletion_id}
    assert {each["deletedAt"] for each in stored} == {book.deleted_at}
    assert await DeletionStep.count() == 0
    await book.restore()
    assert await library.content() == before


async def test_an_interrupted_one_is_resumed(library: Any, interrupted: pytest.MonkeyPatch) -> None:
    book = await a_long_book(library)
    before = await library.content()
    result = await book.delete()
    assert not await library.living(book)
    assert await library.Chapter.count() == 12
    with pytest.raises(ReferenceViolation, match="await resume_deletions\\(\\) first"):
        await book.restore()
    interrupted.undo()
    assert await resume_deletions() == {result.report.deletion_id: True}
    assert await library.Chapter.count() == await library.Remark.count() == 0
    assert await resume_deletions() == {}
    await book.restore()
    assert await library.content() == before


async def test_cleared_references_are_steps_too(library: Any) -> None:
    shelf = await library.Shelf(label="s").insert()
    writer = await library.writer()
    await library.Book.insert_many(
        [library.Book(title=str(number), writer_id=writer.id, shelf_id=shelf.id) for number in range(20)]
    )
    before = await library.content()
    result = await shelf.delete()
    assert result.report.in_steps
    assert await library.Book.find({"shelfId": None}).count() == 20
    assert {each.state for each in await DeletionStep.find_all().to_list()} == {StepState.CLEARED}
    await shelf.restore()
    assert await library.content() == before


async def test_many_asked_documents_are_steps_too(library: Any) -> None:
    writer = await library.writer()
    await library.Book.insert_many([library.Book(title=str(number), writer_id=writer.id) for number in range(40)])
    result = await library.Book.find_all().delete()
    assert result.deleted_count == 40
    assert result.report.in_steps
    assert await library.Book.count() == 0
    assert await library.Book.deleted.find_all().restore() == 40


async def test_within_a_transaction_it_goes_on_after_the_commit(library: Any) -> None:
    book = await a_long_book(library)
    async with transaction():
        await book.delete()
        assert await library.Chapter.count() == 12
    assert await library.Chapter.count() == 0


async def test_an_aborted_transaction_deletes_nothing(library: Any) -> None:
    book = await a_long_book(library)
    before = await library.content()
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with transaction():
            await book.delete()
            raise RuntimeError
    assert await library.content() == before
    assert await library.raw.DeletionStep.count_documents({}) == 0


async def test_on_a_driver_session_it_waits_to_be_resumed(library: Any) -> None:
    book = await a_long_book(library)
    async with library.raw.client.start_session() as session, await session.start_transaction():
        await book.delete(session=session)
    assert await library.Chapter.count() == 12
    assert list((await resume_deletions()).values()) == [True]
    assert await library.Chapter.count() == 0


async def test_what_was_added_meanwhile_goes_too(library: Any, interrupted: pytest.MonkeyPatch) -> None:
    book = await a_long_book(library)
    await book.delete()
    chapter = await library.Chapter.find_one({})
    for _ in range(4):
        await library.Remark(text="new", chapter_id=chapter.id).insert()
    interrupted.undo()
    await resume_deletions()
    assert await library.Remark.count() == 0
    assert {each["deletionId"] for each in await library.raw.Remark.find({}).to_list()} == {book.deletion_id}


async def test_what_restricts_it_meanwhile_blocks_it(
    library: Any, interrupted: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = ObjectId()
    shelves = [library.Shelf(id=outer, label="outer")]
    shelves += [library.Shelf(label=str(number), inside_id=outer) for number in range(20)]
    await library.Shelf.insert_many(shelves)
    await library.Shelf.find({}).sort("_id").delete()
    left = await library.Shelf.find_one({})
    assert left is not None
    late = await library.Shelf(label="late", inside_id=left.id).insert()
    interrupted.undo()
    ((deletion_id, done),) = (await resume_deletions()).items()
    assert not done
    blocked = await DeletionStep.find_one({"state": "BLOCKED"})
    assert blocked is not None
    assert str(late.id) in blocked.problem
    await late.delete()
    assert await resume_deletions() == {deletion_id: True}
    assert await library.Shelf.count() == 0


async def test_a_step_is_taken_once(library: Any, interrupted: pytest.MonkeyPatch) -> None:
    await (await a_long_book(library)).delete()
    interrupted.undo()
    await asyncio.gather(*(resume_deletions() for _ in range(3)))
    assert await library.Chapter.count() == await library.Remark.count() == 0
    assert await DeletionStep.count() == 0


async def test_rings_come_to_an_end(library: Any) -> None:
    ring = [library.Remark(id=ObjectId(), text=str(number)) for number in range(25)]
    for one, next_one in zip(ring, [*ring[1:], ring[0]], strict=True):
        one.reply_to_id = next_one.id
    await library.Remark.insert_many(ring)
    before = await library.content()
    await ring[0].delete()
    assert await library.Remark.count() == 0
    await ring[0].restore()
    assert await library.content() == before
