"""What a document refers to is there, whatever route the reference takes into the database."""

import contextlib
from typing import Any

import pytest
from beanie import BulkWriter
from bson import ObjectId
from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne

from docstore.documents import transaction
from docstore.documents.filters import Each
from docstore.errors import ReferenceViolation

NOWHERE = ObjectId("0" * 24)


async def test_an_insert_refers_to_what_is_there(library: Any) -> None:
    book = library.Book(title="t", writer_id=NOWHERE)
    with pytest.raises(ReferenceViolation) as caught:
        await book.insert()
    told = str(caught.value)
    assert "Book.writer_id refers to Writer 000000000000000000000000 (ObjectId)" in told
    assert "Insert or restore the Writer first" in told
    assert (caught.value.field, caught.value.collection) == ("writer_id", "Book")
    assert await library.raw.Book.count_documents({}) == 0


async def test_a_deleted_document_is_not_there(library: Any) -> None:
    writer = await library.writer()
    await writer.delete()
    with pytest.raises(ReferenceViolation):
        await library.Book(title="t", writer_id=writer.id).insert()


@pytest.mark.parametrize("mark", [{"isDeleted": True}, {"status": "DELETED"}, {"deletedAt": "2020"}], ids=str)
async def test_what_an_older_service_deleted_is_not_there(library: Any, mark: dict[str, Any]) -> None:
    writer = await library.raw.Writer.insert_one({"name": "old", **mark})
    with pytest.raises(ReferenceViolation):
        await library.Book(title="t", writer_id=writer.inserted_id).insert()


async def change_by_save(book: Any) -> None:
    book.writer_id = NOWHERE
    await book.save()


async def change_by_replace(book: Any) -> None:
    book.writer_id = NOWHERE
    await book.replace()


async def change_by_update(book: Any) -> None:
    await book.update({"$set": {"writerId": NOWHERE}})


async def change_by_find_one(book: Any) -> None:
    await type(book).find_one({"_id": book.id}).update({"$set": {"writerId": NOWHERE}})


async def change_by_find(book: Any) -> None:
    await type(book).find({"title": book.title}).update({"$set": {"writerId": NOWHERE}})


async def change_by_pipeline(book: Any) -> None:
    collection = type(book).get_pymongo_collection()
    await collection.update_one({"_id": book.id}, [{"$set": {"writerId": {"$literal": NOWHERE}}}])


async def change_by_whole_pipeline(book: Any) -> None:
    collection = type(book).get_pymongo_collection()
    changed = {"$replaceWith": {"$mergeObjects": ["$$ROOT", {"writerId": NOWHERE}]}}
    await collection.update_many({"_id": book.id}, [changed])


async def change_by_rename(book: Any) -> None:
    collection = type(book).get_pymongo_collection()
    await collection.raw.update_one({"_id": book.id}, {"$set": {"other": NOWHERE}})
    await collection.update_one({"_id": book.id}, {"$rename": {"other": "writerId"}})


async def change_by_replacement(book: Any) -> None:
    await type(book).get_pymongo_collection().replace_one({"_id": book.id}, {"title": "t", "writerId": NOWHERE})


async def change_by_find_one_and_update(book: Any) -> None:
    await type(book).get_pymongo_collection().find_one_and_update({"_id": book.id}, {"$set": {"writerId": NOWHERE}})


async def change_by_find_one_and_replace(book: Any) -> None:
    collection = type(book).get_pymongo_collection()
    await collection.find_one_and_replace({"_id": book.id}, {"title": "t", "writerId": NOWHERE})


async def change_by_upsert(book: Any) -> None:
    collection = type(book).get_pymongo_collection()
    await collection.update_one({"title": "new", "writerId": NOWHERE}, {"$set": {"status": "x"}}, upsert=True)


async def change_by_set_on_insert(book: Any) -> None:
    collection = type(book).get_pymongo_collection()
    await collection.update_one({"title": "new"}, {"$setOnInsert": {"writerId": NOWHERE}}, upsert=True)


async def change_by_upserting_find_one_and_update(book: Any) -> None:
    collection = type(book).get_pymongo_collection()
    await collection.find_one_and_update({"title": "new"}, {"$set": {"writerId": NOWHERE}}, upsert=True)


async def change_by_bulk_update(book: Any) -> None:
    await type(book).get_pymongo_collection().bulk_write([UpdateOne({"_id": book.id}, {"$set": {"writerId": NOWHERE}})])


async def change_by_bulk_update_many(book: Any) -> None:
    await type(book).get_pymongo_collection().bulk_write([UpdateMany({}, [{"$set": {"writerId": NOWHERE}}])])


async def change_by_bulk_replace(book: Any) -> None:
    operation = ReplaceOne({"_id": book.id}, {"title": "t", "writerId": NOWHERE})
    await type(book).get_pymongo_collection().bulk_write([operation])


async def change_by_bulk_insert(book: Any) -> None:
    await type(book).get_pymongo_collection().bulk_write([InsertOne({"title": "new", "writerId": NOWHERE})])


async def change_by_bulk_writer(book: Any) -> None:
    async with BulkWriter() as bulk:
        await type(book).find_one({"_id": book.id}).update({"$set": {"writerId": NOWHERE}}, bulk_writer=bulk)


async def change_by_insert_many(book: Any) -> None:
    await type(book).insert_many([type(book)(title="new", writer_id=NOWHERE)])


async def change_by_insert_one(book: Any) -> None:
    await type(book).get_pymongo_collection().insert_one({"title": "new", "writerId": NOWHERE})


CHANGES = [value for name, value in sorted(globals().items()) if name.startswith("change_by_")]


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
async def test_no_route_writes_a_reference_to_nowhere(library: Any, change: Any) -> None:
    book = await library.book("t")
    before = await library.content()
    with pytest.raises(ReferenceViolation, match="writer_id"):
        await change(book)
    after = await library.content()
    for documents in after["Book"].values():
        documents.pop("other", None)
    assert after == before


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
async def test_a_caught_refusal_leaves_nothing_behind_in_the_callers_transaction(library: Any, change: Any) -> None:
    book = await library.book("t")
    with pytest.raises(ReferenceViolation):  # noqa: PT012 - the transaction refuses to commit where it has to
        async with transaction():
            with contextlib.suppress(ReferenceViolation):
                await change(book)
            book.writer_id = (await library.Book.get(book.id)).writer_id
            if await library.Book.find({"writerId": NOWHERE}).count() == 0:
                raise ReferenceViolation("nothing was written")
    assert await library.raw.Book.count_documents({"writerId": NOWHERE}) == 0


async def test_a_change_to_what_is_there_is_written(library: Any) -> None:
    book, other = await library.book("t"), await library.writer("other")
    book.writer_id = other.id
    await book.save()
    assert (await library.Book.get(book.id)).writer_id == other.id
    third = await library.writer("third")
    collection = library.Book.get_pymongo_collection()
    await collection.update_one({"_id": book.id}, [{"$set": {"writerId": third.id}}])
    assert (await library.Book.get(book.id)).writer_id == third.id


async def test_null_refers_to_nothing(library: Any) -> None:
    book = await library.book("t", editor_id=(await library.writer("editor")).id)
    with library.commands.counted() as sent:
        await book.update({"$set": {"editorId": None}})
    assert (await library.Book.get(book.id)).editor_id is None
    assert all(collection != "ReferenceFence" for _, collection in sent)


async def test_what_did_not_change_is_not_judged(library: Any) -> None:
    inserted = await library.raw.Book.insert_one({"title": "old", "writerId": NOWHERE})
    book = await library.Book.get(inserted.inserted_id)
    book.status = "LENT"
    await book.save()
    await library.Book.find({"title": "old"}).update({"$set": {"writerId": NOWHERE, "status": "LENT"}})
    assert (await library.raw.Book.find_one({}))["status"] == "LENT"
    collection = library.Book.get_pymongo_collection()
    await collection.update_many({}, [{"$set": {"writerId": "$writerId", "status": "HERE"}}])
    assert (await library.raw.Book.find_one({}))["status"] == "HERE"


async def test_a_stale_copy_does_not_bring_a_cleared_reference_back(library: Any) -> None:
    editor = await library.writer("editor")
    book = await library.book("t", editor_id=editor.id)
    await editor.delete()
    book.status = "LENT"
    with pytest.raises(ReferenceViolation, match="editor_id"):
        await book.save()


async def test_insert_many_asks_once_for_each_referenced_collection(library: Any) -> None:
    writers = [library.Writer(name=str(number)) for number in range(150)]
    await library.Writer.insert_many(writers)
    shelf = await library.Shelf(label="s").insert()
    books = [
        library.Book(title=str(number), writer_id=writers[number % 150].id, shelf_id=shelf.id) for number in range(1000)
    ]
    with library.commands.counted() as sent:
        await library.Book.insert_many(books)
    asked = [(name, collection) for name, collection in sent if collection != "ReferenceFence"]
    assert sorted(asked) == [("find", "Shelf"), ("find", "Writer"), ("insert", "Book")]
    assert await library.Book.count() == 1000


async def test_insert_many_names_what_is_missing(library: Any) -> None:
    writer = await library.writer()
    missing = [ObjectId() for _ in range(7)]
    books = [library.Book(title=str(each), writer_id=each) for each in (writer.id, *missing)]
    with pytest.raises(ReferenceViolation, match=r"Writer .*, … ") as caught:
        await library.Book.insert_many(books)
    assert sum(str(each) in str(caught.value) for each in missing) == 5
    assert await library.raw.Book.count_documents({}) == 0


async def test_documents_of_one_insert_may_refer_to_each_other(library: Any) -> None:
    first, second = ObjectId(), ObjectId()
    one = library.Shelf(id=first, label="one")
    two = library.Shelf(id=second, label="two", inside_id=first)
    await library.Shelf.insert_many([two, one])
    itself = ObjectId()
    await library.Shelf(id=itself, label="three", inside_id=itself).insert()
    assert await library.Shelf.count() == 3


async def test_a_bulk_may_refer_to_what_it_inserts(library: Any) -> None:
    outer, inner = ObjectId(), ObjectId()
    await library.Shelf.get_pymongo_collection().bulk_write(
        [
            InsertOne({"_id": outer, "label": "outer"}),
            InsertOne({"_id": inner, "label": "inner", "insideId": outer}),
        ]
    )
    assert await library.Shelf.count() == 2


async def test_a_transaction_may_refer_to_what_it_inserted(library: Any) -> None:
    async with transaction():
        book = await library.book("t")
        await library.Chapter(title="c", book_id=book.id).insert()
    assert await library.Chapter.count() == 1


async def test_a_transaction_asks_once_for_what_it_refers_to_again(library: Any) -> None:
    book = await library.book("t")
    with library.commands.counted() as sent:
        async with transaction():
            for number in range(10):
                await library.Chapter(title=str(number), book_id=book.id).insert()
    assert [each for each in sent if each == ("find", "Book")] == [("find", "Book")]


async def test_what_a_transaction_deleted_is_not_there_for_it(library: Any) -> None:
    book = await library.book("t")
    async with transaction():
        await library.Chapter(title="1", book_id=book.id).insert()
        await book.delete()
        with pytest.raises(ReferenceViolation):
            await library.Chapter(title="2", book_id=book.id).insert()
    assert await library.Chapter.with_deleted.count() == 1


async def test_an_unchanged_reference_costs_no_round_trip(library: Any) -> None:
    book = await library.book("t")
    book.status = "LENT"
    with library.commands.counted() as sent:
        await book.save()
    assert sent == [("update", "Book")]


async def test_without_a_reference_there_is_no_transaction(library: Any) -> None:
    with library.commands.counted() as sent:
        await library.Remark(text="x").insert()
        await library.Loner(name="x").insert()
    assert sent == [("insert", "Remark"), ("insert", "Loner")]


async def test_a_model_may_opt_out(library: Any) -> None:
    with library.commands.counted() as sent:
        await library.Careless(book_id=NOWHERE).insert()
    assert sent == [("insert", "Careless")]


async def test_references_to_models_that_are_not_bound_are_left_alone(library: Any) -> None:
    await library.Careless(nobody_id=NOWHERE).insert()


async def test_an_id_given_as_text_is_told_apart(library: Any) -> None:
    writer = await library.writer()
    with pytest.raises(ReferenceViolation, match=r"\(str\).*is not an ObjectId"):
        await library.Book.get_pymongo_collection().insert_one({"title": "t", "writerId": str(writer.id)})


async def test_an_operator_is_no_reference(library: Any) -> None:
    with pytest.raises(ReferenceViolation, match=r"\(dict\)"):
        await library.Book.get_pymongo_collection().insert_one({"title": "t", "writerId": {"$ne": 1}})


async def test_a_driver_session_is_joined(library: Any) -> None:
    writer = await library.writer()
    async with library.raw.client.start_session() as session:
        await session.start_transaction()
        await library.Book(title="t", writer_id=writer.id).insert(session=session)
        with pytest.raises(ReferenceViolation):
            await library.Book(title="u", writer_id=NOWHERE).insert(session=session)
        await session.commit_transaction()
    assert await library.Book.count() == 1


async def test_each_of_a_list_is_there(library: Any) -> None:
    books = [(await library.book(title)).id for title in "ab"]
    with pytest.raises(ReferenceViolation, match=r"book_ids refers to Book 0{24}"):
        await library.Anthology(book_ids=[*books, NOWHERE]).insert()
    anthology = await library.Anthology(book_ids=books[:1]).insert()
    for update in (
        {"$push": {"bookIds": NOWHERE}},
        {"$set": {"bookIds": [NOWHERE]}},
        {"$set": {"bookIds.0": NOWHERE}},
        {"$addToSet": {"bookIds": Each([NOWHERE])}},
    ):
        with pytest.raises(ReferenceViolation):
            await anthology.update(update)
    await anthology.update({"$push": {"bookIds": books[1]}})
    assert anthology.book_ids == books
