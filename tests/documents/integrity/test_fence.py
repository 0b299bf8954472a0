"""Who refers to a document and who deletes it cannot miss each other."""

import asyncio
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from docstore.documents import transaction
from docstore.documents.integrity import fence
from docstore.errors import DeletedDocument, ReferenceViolation


async def test_a_child_inserted_while_its_parent_goes_is_found(library: Any) -> None:
    book = await library.book()
    inserted, deleting = asyncio.Event(), asyncio.Event()

    async def insert() -> None:
        async with transaction():
            await library.Chapter(title="c", book_id=book.id).insert()
            inserted.set()
            await deleting.wait()
            await asyncio.sleep(0.1)

    async def delete() -> None:
        await inserted.wait()
        deleting.set()
        await book.delete()

    await asyncio.gather(insert(), delete())
    (chapter,) = await library.raw.Chapter.find({}).to_list()
    assert chapter["deletionId"] == book.deletion_id


async def test_a_child_is_not_inserted_after_its_parent_went(library: Any) -> None:
    book = await library.book()
    read, deleted = asyncio.Event(), asyncio.Event()

    async def insert() -> None:
        async with transaction():
            assert await library.Book.get(book.id) is not None
            read.set()
            await deleted.wait()
            await library.Chapter(title="c", book_id=book.id).insert()

    async def delete() -> None:
        await read.wait()
        await book.delete()
        deleted.set()

    with pytest.raises((OperationFailure, ReferenceViolation)):
        await asyncio.gather(insert(), delete())
    assert await library.raw.Chapter.count_documents({}) == 0


async def test_a_reference_moved_while_its_target_goes_is_found(library: Any) -> None:
    shelf = await library.Shelf(label="s").insert()
    book = await library.book()
    moved, deleting = asyncio.Event(), asyncio.Event()

    async def move() -> None:
        async with transaction():
            await book.update({"$set": {"shelfId": shelf.id}})
            moved.set()
            await deleting.wait()
            await asyncio.sleep(0.1)

    async def delete() -> None:
        await moved.wait()
        deleting.set()
        await shelf.delete()

    await asyncio.gather(move(), delete())
    assert (await library.Book.get(book.id)).shelf_id is None


async def test_a_parent_that_goes_while_its_child_comes_back_is_found(library: Any) -> None:
    book = await library.book()
    chapter = await library.Chapter(title="c", book_id=book.id).insert()
    await chapter.delete()
    restored, deleting = asyncio.Event(), asyncio.Event()

    async def restore() -> None:
        async with transaction():
            await library.Chapter.deleted.find_all().restore()
            restored.set()
            await deleting.wait()
            await asyncio.sleep(0.1)

    async def delete() -> None:
        await restored.wait()
        deleting.set()
        await book.delete()

    await asyncio.gather(restore(), delete())
    assert await library.Chapter.count() == 0


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03])
async def test_however_they_meet_nothing_is_left_alone(library: Any, delay: float) -> None:
    books = [await library.book(str(number)) for number in range(4)]

    async def insert(number: int) -> None:
        try:
            await library.Chapter(title=str(number), book_id=books[number % 4].id).insert()
        except ReferenceViolation:
            return

    async def delete(number: int) -> None:
        await asyncio.sleep(delay)
        await books[number].delete()

    await asyncio.gather(*(insert(number) for number in range(24)), *(delete(number) for number in range(4)))
    living = await library.Chapter.find_all().to_list()
    parents = {each.id for each in await library.Book.find_all().to_list()}
    assert parents == set()
    assert living == []


async def test_many_may_refer_to_the_same_at_once(library: Any) -> None:
    book = await library.book()
    await asyncio.gather(*(library.Chapter(title=str(number), book_id=book.id).insert() for number in range(30)))
    assert await library.Chapter.count() == 30


async def test_two_deletions_of_the_same_take_it_once(library: Any) -> None:
    book = await library.book()
    await library.Chapter(title="c", book_id=book.id).insert()
    copies = [await library.Book.get(book.id) for _ in range(3)]
    results = await asyncio.gather(*(copy.delete() for copy in copies), return_exceptions=True)
    assert sorted(each.deleted_count for each in results if not isinstance(each, DeletedDocument)) == [0, 0, 1]
    stored = await library.raw.Chapter.find_one({})
    assert stored["deletionId"] == (await library.raw.Book.find_one({}))["deletionId"]


async def test_the_table_stays_small(library: Any) -> None:
    writer = await library.writer()
    await library.Book.insert_many([library.Book(title=str(number), writer_id=writer.id) for number in range(600)])
    await library.Book.find_all().delete()
    assert await library.raw.ReferenceFence.count_documents({}) <= fence.BUCKETS * fence.LANES
