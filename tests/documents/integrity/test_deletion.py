"""Deleting follows the rules of those that refer, by whatever route, or does nothing at all."""

from typing import Annotated, Any

import pytest
from beanie import BulkWriter
from bson import ObjectId
from pymongo import DeleteMany, DeleteOne

from docstore.context import acting_as
from docstore.documents import Document, OnDelete, PydanticObjectId, Ref, bind, transaction
from docstore.errors import ProtectedField, ReferenceViolation, SettingsError


async def by_document(book: Any) -> None:
    await book.delete()


async def by_find(book: Any) -> None:
    await type(book).find({"title": book.title}).delete()


async def by_find_one(book: Any) -> None:
    await type(book).find_one({"_id": book.id}).delete()


async def by_delete_all(book: Any) -> None:
    await type(book).delete_all()


async def by_delete_one(book: Any) -> None:
    await type(book).get_pymongo_collection().delete_one({"_id": book.id})


async def by_delete_many(book: Any) -> None:
    await type(book).get_pymongo_collection().delete_many({"title": book.title})


async def by_find_one_and_delete(book: Any) -> None:
    found = await type(book).get_pymongo_collection().find_one_and_delete({"_id": book.id})
    assert found is not None
    assert found["isDeleted"] is False


async def by_bulk_delete_one(book: Any) -> None:
    result = await type(book).get_pymongo_collection().bulk_write([DeleteOne({"_id": book.id})])
    assert result.deleted_count == 1


async def by_bulk_delete_many(book: Any) -> None:
    result = await type(book).get_pymongo_collection().bulk_write([DeleteMany({})])
    assert result.deleted_count == 1


async def by_bulk_writer(book: Any) -> None:
    async with BulkWriter() as bulk:
        await book.delete(bulk_writer=bulk)


async def in_a_transaction(book: Any) -> None:
    async with transaction():
        await book.delete()


async def on_a_driver_session(book: Any) -> None:
    client = type(book).get_pymongo_collection().raw.database.client
    async with client.start_session() as session, await session.start_transaction():
        await book.delete(session=session)


ROUTES = [
    *(by_document, by_find, by_find_one, by_delete_all, by_delete_one, by_delete_many, by_find_one_and_delete),
    *(by_bulk_delete_one, by_bulk_delete_many, by_bulk_writer, in_a_transaction, on_a_driver_session),
]


@pytest.mark.parametrize("delete", ROUTES, ids=lambda each: each.__name__)
async def test_what_refers_goes_too(library: Any, delete: Any) -> None:
    book = await library.book()
    chapter = await library.Chapter(title="c", book_id=book.id).insert()
    remark = await library.Remark(text="r", chapter_id=chapter.id).insert()
    reply = await library.Remark(text="s", reply_to_id=remark.id).insert()
    sticker = await library.Sticker(book_id=book.id).insert()
    bystander = await library.Remark(text="t").insert()
    await delete(book)
    for gone in (book, chapter, remark, reply, sticker):
        assert not await library.living(gone)
    assert await library.living(bystander)
    marks = [
        (each["deletionId"], each["deletedAt"], each["isDeleted"])
        for name in ("Book", "Chapter", "Remark")
        for each in await library.raw[name].find({"isDeleted": True}).to_list()
    ]
    assert len(marks) == 4
    assert len(set(marks)) == 1
    assert isinstance(marks[0][0], ObjectId)
    assert await library.raw.Sticker.count_documents({}) == 0


BY_ID = [each for each in ROUTES if each not in (by_find, by_delete_all, by_delete_many, by_bulk_delete_many)]


@pytest.mark.parametrize("delete", BY_ID, ids=lambda each: each.__name__)
async def test_what_is_restricted_stays_with_all_that_refers(library: Any, delete: Any) -> None:
    first = await library.book("first")
    shelf = await library.Shelf(label="holds").insert()
    inside = await library.Shelf(label="inside", inside_id=shelf.id).insert()
    await first.update({"$set": {"shelfId": shelf.id}})
    before = await library.content()
    with pytest.raises(ReferenceViolation) as caught:
        await delete(shelf)
    assert f"1 Shelf by inside_id to Shelf ({inside.id})" in str(caught.value)
    assert f"Shelf {shelf.id} cannot be deleted" in str(caught.value)
    assert await library.content() == before


async def test_a_restriction_deep_inside_is_found_before_anything_is_written(library: Any) -> None:
    writer = await library.writer()
    shelf = await library.Shelf(label="s").insert()
    first = await library.book("first", shelf_id=shelf.id)
    sequel = await library.book("sequel", writer_id=writer.id, sequel_of_id=first.id)
    await library.Chapter(title="c", book_id=sequel.id).insert()
    before = await library.content()
    with pytest.raises(ReferenceViolation, match=r"1 Book by writer_id to Writer"):
        await library.Writer.find({"_id": writer.id}).delete()
    assert await library.content() == before


async def test_who_restricts_is_counted_and_shown(library: Any) -> None:
    writer = await library.writer()
    books = [library.Book(title=str(number), writer_id=writer.id) for number in range(7)]
    await library.Book.insert_many(books)
    remark = await library.Remark(text="r", by_id=writer.id).insert()
    with pytest.raises(ReferenceViolation) as caught:
        await writer.delete()
    told = str(caught.value)
    assert "7 Book by writer_id" in told
    assert f"1 Remark by by_id to Writer ({remark.id})" in told
    assert sum(str(book.id) in told for book in books) == 5
    assert "Delete the Book first, or let it refer to another Writer." in told


async def test_what_goes_as_well_does_not_restrict(library: Any) -> None:
    outer = await library.Shelf(label="outer").insert()
    await library.Shelf(label="inner", inside_id=outer.id).insert()
    await library.Shelf.find_all().delete()
    assert await library.Shelf.count() == 0


@pytest.mark.parametrize("mark", [{"isDeleted": True}, {"status": "DELETED"}, {"deletedAt": "2020"}], ids=str)
async def test_what_an_older_service_deleted_does_not_refer(library: Any, mark: dict[str, Any]) -> None:
    writer = await library.writer()
    await library.raw.Book.insert_one({"title": "old", "writerId": writer.id, "editorId": writer.id, **mark})
    before = (await library.content())["Book"]
    await writer.delete()
    assert (await library.content())["Book"] == before


async def test_a_cleared_reference_is_null(library: Any) -> None:
    shelf = await library.Shelf(label="s").insert()
    book = await library.book("b", shelf_id=shelf.id)
    other = await library.book("c")
    stamp = (await library.raw.Book.find_one({"_id": other.id}))["updatedAt"]
    result = await shelf.delete()
    assert (await library.Book.get(book.id)).shelf_id is None
    assert (await library.raw.Book.find_one({"_id": other.id}))["updatedAt"] == stamp
    assert (dict(result.report.deleted), dict(result.report.set_null)) == ({"Shelf": 1}, {"Book": 1})


async def test_what_goes_is_not_cleared(library: Any) -> None:
    first = await library.book("first")
    await library.book("sequel", sequel_of_id=first.id)
    result = await first.delete()
    stored = await library.raw.Book.find_one({"title": "sequel"})
    assert stored["sequelOfId"] == first.id
    assert result.deleted_count == 1
    assert dict(result.report.deleted) == {"Book": 2}


async def test_nothing_follows_from_nothing(library: Any) -> None:
    mentor = await library.writer("mentor")
    pupil = await library.Writer(name="pupil", mentor_id=mentor.id).insert()
    await mentor.delete()
    assert (await library.Writer.get(pupil.id)).mentor_id == mentor.id


async def test_cycles_end(library: Any) -> None:
    first = await library.Remark(text="1").insert()
    second = await library.Remark(text="2", reply_to_id=first.id).insert()
    await first.update({"$set": {"replyToId": second.id}})
    itself = await library.Remark(text="3").insert()
    await itself.update({"$set": {"replyToId": itself.id}})
    await first.delete()
    await itself.delete()
    assert await library.Remark.count() == 0


async def test_the_report_tells_what_was_taken(library: Any) -> None:
    book = await library.book()
    await library.Chapter.insert_many([library.Chapter(title=str(number), book_id=book.id) for number in range(3)])
    with acting_as("user:9"):
        result = await book.delete()
    assert result.deleted_count == 1
    assert dict(result.report.deleted) == {"Book": 1, "Chapter": 3}
    assert not result.report.in_steps
    assert book.deletion_id == result.report.deletion_id
    chapters = await library.Chapter.deleted.find().to_list()
    assert {(each.deletion_id, each.deleted_by) for each in chapters} == {(book.deletion_id, "user:9")}


async def test_deleting_what_is_deleted_takes_nothing(library: Any) -> None:
    book = await library.book()
    await book.delete()
    again = await book.delete()
    assert again.deleted_count == 0
    assert dict(again.report.deleted) == {}


async def test_where_nobody_refers_it_is_one_round_trip(library: Any) -> None:
    loner = await library.Loner(name="x").insert()
    with library.commands.counted() as sent:
        result = await loner.delete()
    assert sent == [("update", "Loner")]
    assert loner.deletion_id == result.report.deletion_id
    assert dict(result.report.deleted) == {"Loner": 1}


async def test_a_caught_refusal_leaves_the_transaction_to_its_owner(library: Any) -> None:
    writer = await library.writer()
    await library.book(writer_id=writer.id)
    async with transaction():
        with pytest.raises(ReferenceViolation):
            await writer.delete()
        await library.Loner(name="x").insert()
    assert await library.living(writer)
    assert await library.Loner.count() == 1


async def test_the_mark_is_protected(library: Any) -> None:
    book = await library.book()
    with pytest.raises(ProtectedField, match="deletionId"):
        await book.update({"$set": {"deletionId": ObjectId()}})


async def test_what_refers_to_what_is_deleted_for_good_goes_into_the_trash(library: Any) -> None:
    for delete in (
        lambda crate: crate.delete(),
        by_find_one,
        by_delete_one,
        by_bulk_delete_one,
        by_find_one_and_remove,
    ):
        crate = await library.Crate().insert()
        item = await library.Item(crate_id=crate.id).insert()
        await delete(crate)
        assert await library.raw.Crate.count_documents({}) == 0
        assert await library.Item.count() == 0
        with pytest.raises(ReferenceViolation, match="gone for good"):
            await item.restore()


async def by_find_one_and_remove(crate: Any) -> None:
    found = await type(crate).get_pymongo_collection().find_one_and_delete({"_id": crate.id})
    assert found is not None
    assert found["_id"] == crate.id


async def test_a_reference_that_cannot_be_null_cannot_be_cleared(library: Any) -> None:
    class Unclear(Document):
        book_id: Annotated[PydanticObjectId, Ref("Unclear", on_delete=OnDelete.SET_NULL)]

    with pytest.raises(SettingsError, match=r"Unclear\.book_id .* cannot be null.*DocumentId \| None"):
        await bind(library.raw, [Unclear])
