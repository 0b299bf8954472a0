"""Category records, with the path of their parents."""

from __future__ import annotations

from docstore.clients import SearchIndex
from docstore.models import Category
from docstore.search import CATEGORIES, apply_changes, build_records
from docstore.store import Store


async def chain(*names: str) -> list[Category]:
    made: list[Category] = []
    for depth, name in enumerate(names):
        parent = made[-1].id if made else None
        made.append(await Category(name=name, slug=name.lower(), parent_id=parent, depth=depth).insert())
    return made


async def test_the_record_names_its_parents(store: Store) -> None:
    _, _, phones = await chain("Tech", "Mobile", "Phones")
    ((record,), _) = await build_records(CATEGORIES, [phones.id])
    assert record["objectID"] == str(phones.id)
    assert record["parentId"] == str(phones.parent_id)
    assert record["parentCategory"] == "Tech > Mobile"
    assert set(record) == {
        "objectID",
        "name",
        "slug",
        "shortDescription",
        "longDescription",
        "keywords",
        "parentId",
        "parentCategory",
        "popular",
        "depth",
        "createdAt",
        "updatedAt",
    }


async def test_a_root_has_no_path(store: Store) -> None:
    (root,) = await chain("Tech")
    ((record,), _) = await build_records(CATEGORIES, [root.id])
    assert (record["parentId"], record["parentCategory"]) == (None, None)


async def test_renaming_a_parent_reaches_all_below(index: SearchIndex) -> None:
    tech, _, phones = await chain("Tech", "Mobile", "Phones")
    tech.name = "Technology"
    await tech.save()
    report = await apply_changes(index, [("Category", tech.id)])
    assert report.saved == {"categories": 3}
    record = await index.get_object("categories", str(phones.id))
    assert record is not None
    assert record["parentCategory"] == "Technology > Mobile"


async def test_a_ring_of_parents_ends(store: Store) -> None:
    tech, mobile = await chain("Tech", "Mobile")
    await store.database["Category"].update_one({"_id": tech.id}, {"$set": {"parentId": mobile.id}})
    (records, _) = await build_records(CATEGORIES, [tech.id, mobile.id])
    assert {record["name"]: record["parentCategory"] for record in records} == {"Tech": "Mobile", "Mobile": "Tech"}
