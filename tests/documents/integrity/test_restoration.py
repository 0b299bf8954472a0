"""A restoration brings back exactly what the deletion took, or nothing."""

from typing import Any

import pytest
from bson import ObjectId

from docstore.documents import transaction
from docstore.errors import ReferenceViolation, RestoreConflict


async def a_tree(library: Any) -> Any:
    shelf = await library.Shelf(label="s").insert()
    book = await library.book("b", shelf_id=shelf.id)
    chapters = [await library.Chapter(title=str(number), book_id=book.id).insert() for number in range(3)]
    remark = await library.Remark(text="r", chapter_id=chapters[0].id).insert()
    await library.Remark(text="s", reply_to_id=remark.id).insert()
    return book, chapters, remark, shelf


async def test_a_document_comes_back_with_what_went_with_it(library: Any) -> None:
    book, *_ = await a_tree(library)
    before = await library.content()
    await book.delete()
    await book.restore()
    assert await library.content() == before
    assert (book.deletion_id, book.is_deleted) == (None, False)


async def test_a_query_brings_back_what_went_with_each(library: Any) -> None:
    await a_tree(library)
    await library.book("c")
    before = await library.content()
    await library.Book.find_all().delete()
    assert await library.Book.deleted.find_all().restore() == 2
    assert await library.content() == before


async def test_what_was_deleted_before_stays_deleted(library: Any) -> None:
    book, chapters, *_ = await a_tree(library)
    await chapters[1].delete()
    before = await library.content()
    await book.delete()
    await book.restore()
    assert await library.content() == before
    assert not await library.living(chapters[1])


async def test_one_of_several_comes_back_alone(library: Any) -> None:
    one, two = await library.book("one"), await library.book("two")
    for book in (one, two):
        await library.Chapter(title=book.title, book_id=book.id).insert()
    await library.Book.find_all().delete()
    await one.restore()
    assert [each.title for each in await library.Book.find_all().to_list()] == ["one"]
    assert [each.title for each in await library.Chapter.find_all().to_list()] == ["one"]
    await two.restore()
    assert await library.Chapter.count() == 2


async def test_what_two_of_one_deletion_took_waits_for_both(library: Any) -> None:
    one, two = await library.book("one"), await library.book("two")
    chapter = await library.Chapter(title="c", book_id=one.id).insert()
    remark = await library.Remark(text="r", chapter_id=chapter.id, book_id=two.id).insert()
    reply = await library.Remark(text="s", reply_to_id=remark.id).insert()
    before = await library.content()
    await library.Book.find_all().delete()
    await one.restore()
    assert await library.living(chapter)
    assert not await library.living(remark)
    assert not await library.living(reply)
    await two.restore()
    assert await library.content() == before


async def test_a_child_does_not_come_back_before_its_parent(library: Any) -> None:
    book, chapters, remark, _ = await a_tree(library)
    await book.delete()
    before = await library.content()
    with pytest.raises(ReferenceViolation) as caught:
        await chapters[0].restore()
    assert f"the Book {book.id} its book_id refers to is deleted. restore() the Book first." in str(caught.value)
    with pytest.raises(ReferenceViolation, match="Chapter"):
        await library.Remark.deleted.find({"_id": remark.id}).restore()
    assert await library.content() == before


async def test_what_comes_along_must_find_its_other_parents(library: Any) -> None:
    book = await library.book("b")
    writer = await library.writer("critic")
    await library.Remark(text="r", book_id=book.id, by_id=writer.id).insert()
    await book.delete()
    await writer.delete()
    before = await library.content()
    with pytest.raises(ReferenceViolation, match="restore\\(\\) the Writer first"):
        await book.restore()
    assert await library.content() == before
    await writer.restore()
    await book.restore()
    assert await library.Remark.count() == 1


async def test_cleared_references_are_mended(library: Any) -> None:
    *_, shelf = await a_tree(library)
    before = await library.content()
    await shelf.delete()
    assert (await library.Book.find_one({})).shelf_id is None
    await shelf.restore()
    assert await library.content() == before
    assert await library.raw.DeletionStep.count_documents({}) == 0


async def test_a_reference_that_was_set_meanwhile_is_left_alone(library: Any) -> None:
    book, *_, shelf = await a_tree(library)
    other = await library.Shelf(label="other").insert()
    await shelf.delete()
    await (await library.Book.get(book.id)).update({"$set": {"shelfId": other.id}})
    await shelf.restore()
    assert (await library.Book.get(book.id)).shelf_id == other.id


async def test_references_are_mended_in_the_trash_too(library: Any) -> None:
    book, *_, shelf = await a_tree(library)
    before = await library.content()
    await shelf.delete()
    await book.delete()
    await shelf.restore()
    await book.restore()
    assert await library.content() == before


async def test_each_target_mends_its_own(library: Any) -> None:
    one, two = await library.Shelf(label="1").insert(), await library.Shelf(label="2").insert()
    first, second = await library.book("1", shelf_id=one.id), await library.book("2", shelf_id=two.id)
    await library.Shelf.find_all().delete()
    await one.restore()
    assert (await library.Book.get(first.id)).shelf_id == one.id
    assert (await library.Book.get(second.id)).shelf_id is None
    await two.restore()
    assert (await library.Book.get(second.id)).shelf_id == two.id


async def test_a_conflict_names_field_and_document_and_restores_nothing(library: Any) -> None:
    book, chapters, *_ = await a_tree(library)
    await book.delete()
    rival = await library.Chapter(title=chapters[1].title, book_id=(await library.book("other")).id).insert()
    before = await library.content()
    with pytest.raises(RestoreConflict) as caught:
        await book.restore()
    assert f"a Chapter cannot come back: its title is taken, held by the living {rival.id}." in str(caught.value)
    assert (caught.value.field, caught.value.collection) == ("title", "Chapter")
    assert await library.content() == before
    with pytest.raises(RestoreConflict, match=str(rival.id)):
        async with transaction():
            await library.Book.deleted.find({"_id": book.id}).restore()
    assert await library.content() == before


async def test_what_an_older_service_deleted_comes_back_alone(library: Any) -> None:
    writer = await library.writer()
    inserted = await library.raw.Book.insert_one({"title": "old", "writerId": writer.id, "status": "DELETED"})
    await library.raw.Chapter.insert_one({"title": "c", "bookId": inserted.inserted_id, "isDeleted": True})
    assert await library.Book.deleted.find_all().restore() == 1
    assert await library.Book.count() == 1
    assert await library.Chapter.count() == 0


async def test_what_refers_to_nothing_any_more_stays_in_the_trash(library: Any) -> None:
    writer = await library.writer()
    book = await library.book("b", writer_id=writer.id)
    await book.delete()
    await library.raw.Writer.delete_one({"_id": writer.id})
    with pytest.raises(ReferenceViolation, match="is gone for good"):
        await book.restore()
    other = await library.writer("other")
    await library.Book.deleted.find_one({"_id": book.id}).update({"$set": {"writerId": other.id}})
    await book.restore()
    assert (await library.Book.get(book.id)).writer_id == other.id


async def test_a_model_that_opted_out_is_not_asked(library: Any) -> None:
    careless = await library.Careless(book_id=ObjectId()).insert()
    await careless.delete()
    await careless.restore()
    assert await library.living(careless)


async def test_the_living_stay_as_they_are(library: Any) -> None:
    book, *_ = await a_tree(library)
    before = await library.content()
    await book.restore()
    assert await library.Book.find_all().restore() == 0
    assert await library.content() == before


async def test_a_list_of_references_goes_and_comes_back_with_each(library: Any) -> None:
    one, two = await library.book("one"), await library.book("two")
    anthology = await library.Anthology(book_ids=[one.id, two.id]).insert()
    before = await library.content()
    await two.delete()
    assert not await library.living(anthology)
    await two.restore()
    assert await library.content() == before
