"""What is removed for good is not referred to by the living, and takes its own deletion's trash along."""

from typing import Any

import pytest

from docstore.errors import ReferenceViolation


async def test_what_the_living_refer_to_is_not_purged(library: Any) -> None:
    book = await library.book("b")
    chapter = await library.Chapter(title="c", book_id=book.id).insert()
    before = await library.content()
    with pytest.raises(ReferenceViolation) as caught:
        await book.purge(reason="test")
    assert f"cannot be purged: it is still referred to, 1 Chapter by book_id to Book ({chapter.id})" in str(
        caught.value
    )
    assert "delete() it first" in str(caught.value)
    with pytest.raises(ReferenceViolation):
        await library.Book.find_all().purge(reason="test")
    assert await library.content() == before


async def test_the_trash_of_its_own_deletion_goes_with_it(library: Any) -> None:
    book = await library.book("b")
    early = await library.Chapter(title="early", book_id=book.id).insert()
    late = await library.Chapter(title="late", book_id=book.id).insert()
    await library.Remark(text="r", chapter_id=late.id).insert()
    await early.delete()
    await book.delete()
    await book.purge(reason="test")
    content = await library.content()
    assert content["Book"] == content["Remark"] == {}
    assert [each["title"] for each in content["Chapter"].values()] == ["early"]
    with pytest.raises(ReferenceViolation, match="gone for good"):
        await early.restore()


async def test_the_trash_is_emptied_at_once(library: Any) -> None:
    book = await library.book("b")
    await library.book("sequel", sequel_of_id=book.id)
    await book.delete()
    assert await library.Book.deleted.find_all().purge(reason="test") == 2
    assert await library.raw.Book.count_documents({}) == 0


async def test_references_from_the_trash_are_cleared(library: Any) -> None:
    shelf = await library.Shelf(label="s").insert()
    book = await library.book("b", shelf_id=shelf.id)
    await book.delete()
    await shelf.delete()
    await shelf.purge(reason="test")
    await book.restore()
    assert (await library.Book.get(book.id)).shelf_id is None


async def test_what_was_cleared_for_it_is_forgotten(library: Any) -> None:
    one, two = await library.Shelf(label="1").insert(), await library.Shelf(label="2").insert()
    await library.book("1", shelf_id=one.id)
    second = await library.book("2", shelf_id=two.id)
    await library.Shelf.find_all().delete()
    await one.purge(reason="test")
    rows = await library.raw.DeletionStep.find({}).to_list()
    assert [(row["ids"], row["values"]) for row in rows if row["ids"]] == [([second.id], [two.id])]
    await two.purge(reason="test")
    assert await library.raw.DeletionStep.count_documents({}) == 0


async def test_what_nobody_refers_to_is_purged_in_one_go(library: Any) -> None:
    loner = await library.Loner(name="x").insert()
    with library.commands.counted() as sent:
        await loner.purge(reason="test")
    assert [collection for _, collection in sent] == ["Loner"] * len(sent)
    assert await library.raw.Loner.count_documents({}) == 0
