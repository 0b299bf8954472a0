"""Relations come with one query each, whatever they are asked of, and show nothing that is deleted."""

from typing import Annotated, Any

import pytest
from bson import ObjectId
from pydantic import BaseModel, ConfigDict
from tests.documents.include.conftest import WORLD, Ear, Label, LabelOnWork, Remark, Work, Writer

from docstore.documents import Document, PydanticObjectId, Ref, bind, include, transaction
from docstore.errors import NotBound, RelationError, RelationNotLoaded, UnknownRelation


def texts(remarks: list[Remark]) -> list[str]:
    return [remark.text for remark in remarks]


def names(labels: list[Any]) -> list[str]:
    return [label.name for label in labels]


async def test_a_list(works: list[Work], ear: Ear) -> None:
    found = await Work.find().sort("title").include("writer", "labels", "remarks.writer", "count").to_list()
    assert [work.title for work in found] == ["One", "Three", "Two"]
    assert [work.writer.name for work in found if work.writer] == ["Ada", "Bob", "Ada"]
    assert [names(work.labels) for work in found] == [["zeta", "alpha", "mid"], [], ["alpha"]]
    assert [texts(work.remarks) for work in found] == [["a", "b", "c"], [], ["d"]]
    assert [remark.writer and remark.writer.name for remark in found[0].remarks] == ["Ada", None, "Bob"]
    assert [work.count.views if work.count else None for work in found] == [7, None, None]
    assert len(ear.heard) == 1 + 5


async def test_the_number_of_queries_does_not_grow(ear: Ear) -> None:
    writers = [Writer(name=f"w{n}") for n in range(30)]
    await Writer.insert_many(writers)
    many = [Work(title=f"t{n:03}", writer_id=writers[n % 30].id) for n in range(300)]
    await Work.insert_many(many)
    label = await Label(name="all").insert()
    await LabelOnWork.insert_many([LabelOnWork(work_id=work.id, label_id=label.id) for work in many])
    ear.heard.clear()
    found = await Work.find().include("writer", "labels").to_list()
    assert len(found) == 300
    assert all(work.writer and names(work.labels) == ["all"] for work in found)
    assert [each for each in ear.heard if each != "getMore"] == ["find", "find", "aggregate"]


async def test_one_document(works: list[Work], ear: Ear) -> None:
    work = await Work.find_one(Work.title == "One").include("writer", "remarks")
    assert work is not None
    assert work.writer is not None
    assert work.writer.name == "Ada"
    assert texts(work.remarks) == ["a", "b", "c"]
    assert len(ear.heard) == 3
    assert await Work.find_one(Work.title == "None such").include("writer") is None


async def test_pages(works: list[Work], ear: Ear) -> None:
    page = await Work.find().sort("title").include("writer").page(2)
    assert [work.writer.name for work in page if work.writer] == ["Ada", "Bob"]
    assert len(ear.heard) == 2
    numbered = await Work.find().sort("title").include("writer").paginate(2, 2)
    assert [work.writer.name for work in numbered if work.writer] == ["Ada"]


async def test_what_is_there_already(works: list[Work], ear: Ear) -> None:
    same = await include(works, "writer", Work.remarks)
    assert same is works
    assert texts(works[0].remarks) == ["a", "b", "c"]
    assert len(ear.heard) == 2
    page = await include(await Work.find().page(5), "count")
    assert len(page.items) == 3
    one = await include(works[2], "remarks")
    assert one.remarks == []
    assert await include(None, "remarks") is None
    assert await include([], "remarks") == []


async def test_iteration_loads_in_batches(works: list[Work], ear: Ear) -> None:
    found = [work.writer.name async for work in Work.find().sort("title").include("writer") if work.writer]
    assert found == ["Ada", "Bob", "Ada"]
    assert len(ear.heard) == 2


async def test_streams_load_a_batch_at_a_time(works: list[Work], ear: Ear) -> None:
    found = [work.writer.name async for work in Work.find().sort("title").include("writer").stream(2) if work.writer]
    assert found == ["Ada", "Bob", "Ada"]
    assert [each for each in ear.heard if each != "getMore"] == ["find", "find", "find"]
    rows = [row async for row in Work.find().sort("title").values("title").stream()]
    assert rows == [{"title": "One"}, {"title": "Three"}, {"title": "Two"}]


async def test_lazily_parsed_documents_have_relations(works: list[Work]) -> None:
    found = await Work.find(lazy_parse=True).sort("title").include("writer", "remarks").to_list()
    assert [work.writer.name for work in found if work.writer] == ["Ada", "Bob", "Ada"]
    assert texts(found[0].remarks) == ["a", "b", "c"]


async def test_order_and_limit_for_each_parent(works: list[Work], ear: Ear) -> None:
    writers = await Writer.find().sort("name").include("works").to_list()
    assert [[work.title for work in writer.works] for writer in writers] == [["Two", "One"], ["Three"]]
    assert ear.heard == ["find", "aggregate"]
    narrowed = Work.remarks.sort("-text").limit(2)
    found = await Work.find().sort("title").include(narrowed).to_list()
    assert [texts(work.remarks) for work in found] == [["c", "b"], [], ["d"]]
    by_expression = Work.remarks.sort(-Remark.text).limit(1)  # type: ignore[operator]  # Beanie's expression
    assert texts((await Work.find_one(Work.title == "One").include(by_expression)).remarks) == ["c"]  # type: ignore[union-attr]


async def test_links_are_sorted_and_limited_too(works: list[Work], ear: Ear) -> None:
    found = await Work.find().sort("title").include("labels_by_name").to_list()
    assert [names(work.labels_by_name) for work in found] == [["alpha", "mid", "zeta"], [], ["alpha"]]
    found = await Work.find().sort("title").include(Work.labels.limit(2)).to_list()
    assert [names(work.labels) for work in found] == [["zeta", "alpha"], [], ["alpha"]]
    found = await Work.find().sort("title").include(Work.labels_by_name.limit(1)).to_list()
    assert [names(work.labels_by_name) for work in found] == [["alpha"], [], ["alpha"]]
    only = Work.labels.where(Label.name == "mid")
    found = await Work.find().sort("title").include(only).to_list()
    assert [names(work.labels) for work in found] == [["mid"], [], []]
    assert len(ear.heard) == 8


async def test_filtered(works: list[Work], ear: Ear) -> None:
    work = await Work.find_one(Work.title == "One").include("good")
    assert work is not None
    assert texts(work.good) == ["a", "b"]
    work = await Work.find_one(Work.title == "One").include(Work.good.where(Remark.text == "b").include("writer"))
    assert work is not None
    assert texts(work.good) == ["b"]
    assert work.good[0].writer is None


async def test_nothing_deleted_is_loaded(works: list[Work], ear: Ear) -> None:
    await Writer.find(Writer.name == "Ada").delete()
    await Remark.find(Remark.text == "a").delete()
    await LabelOnWork.find({"workId": works[1].id}).delete()
    found = await Work.find().sort("title").include("writer", "remarks", "labels", Work.good.limit(1)).to_list()
    assert [work.writer.name if work.writer else None for work in found] == [None, "Bob", None]
    assert texts(found[0].remarks) == ["b", "c"]
    assert texts(found[0].good) == ["b"]
    assert names(found[2].labels) == []


async def test_documents_in_the_trash_have_relations(works: list[Work], ear: Ear) -> None:
    await works[0].delete()
    found = await Work.deleted.find().include("writer", "remarks", Work.labels.limit(1)).to_list()
    assert found[0].writer is not None
    assert texts(found[0].remarks) == ["a", "b", "c"]
    assert names(found[0].labels) == ["zeta"]


async def test_derived_relations(works: list[Work], ear: Ear) -> None:
    work = await Work.find_one(Work.title == "One").include("editor", "label_on_works.label")
    assert work is not None
    assert work.related.editor.name == "Bob"
    assert names([link.related["label"] for link in work.related.label_on_works if link.related.label]) == [
        "zeta",
        "alpha",
        "mid",
    ]
    assert "editor" in work.related
    assert "writer" not in work.related
    assert dir(work.related) == ["editor", "label_on_works"]
    writer = await Writer.find_one(Writer.name == "Bob").include("works_by_editor", "remarks")
    assert writer is not None
    assert [each.title for each in writer.related.works_by_editor] == ["One"]
    assert sorted(texts(writer.related.remarks)) == ["c", "d"]


async def test_lists_of_references_keep_their_order(works: list[Work], ear: Ear) -> None:
    series = await Work(
        title="Series", writer_id=works[0].writer_id, sequel_ids=[works[2].id, ObjectId(), works[0].id]
    ).insert()
    await include(series, "sequels")
    assert [work.title for work in series.related.sequels] == ["Three", "One"]
    await include(works[2], "works")
    assert [work.title for work in works[2].related.works] == ["Series"]


async def test_what_was_not_loaded_says_so(works: list[Work]) -> None:
    with pytest.raises(RelationNotLoaded, match=r"Work\.writer was not loaded.*include\('writer'\)"):
        _ = works[0].writer
    with pytest.raises(RelationNotLoaded, match="include"):
        _ = works[0].related.editor


async def test_a_reassigned_reference_is_not_what_was_loaded(works: list[Work]) -> None:
    work = await include(works[0], "writer")
    work.writer_id = works[2].writer_id
    with pytest.raises(RelationNotLoaded, match="writer_id changed"):
        _ = work.writer
    assert (await include(work, "writer")).writer.name == "Bob"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("writr", "Did you mean 'writer'"),
        ("writer_id", "Did you mean 'writer'"),
        ("remarks.writr", "Remark has no relation 'writr'"),
        ("nonsense", "Its relations are: count, "),
    ],
)
async def test_unknown_names(ear: Ear, asked: str, told: str) -> None:
    with pytest.raises(UnknownRelation, match=told):
        Work.find().include(asked)


@pytest.mark.parametrize("asked", ["", ".", "writer.", 5, None])
async def test_what_is_no_name(ear: Ear, asked: Any) -> None:
    with pytest.raises(RelationError, match="names of relations"):
        Work.find().include(asked)


async def test_a_relation_stays_out_of_the_fields(works: list[Work]) -> None:
    work = await include(works[0], "writer", "remarks")
    assert work == await Work.get(work.id)
    assert "writer" not in work.model_dump()
    work.title = "Changed"
    await work.save()
    assert work.writer is not None
    stored = await Work.get_pymongo_collection().find_one({"_id": work.id})
    assert stored is not None
    assert stored["title"] == "Changed"
    assert not {"writer", "remarks", "_related"} & stored.keys()


async def test_a_response_model_reads_relations(works: list[Work]) -> None:
    class WriterOut(BaseModel):
        model_config = ConfigDict(from_attributes=True)
        name: str

    class WorkOut(BaseModel):
        model_config = ConfigDict(from_attributes=True)
        title: str
        writer: WriterOut | None

    out = WorkOut.model_validate(await include(works[0], "writer"))
    assert out.model_dump() == {"title": "One", "writer": {"name": "Ada"}}


async def test_it_joins_the_ambient_transaction(works: list[Work]) -> None:
    async with transaction():
        await Remark(text="z", work_id=works[2].id, good=True).insert()
        await works[0].delete()
        inside = await Work.find_one(Work.title == "Three").include("remarks", Work.good.limit(1))
        assert inside is not None
        assert texts(inside.remarks) == texts(inside.good) == ["z"]


async def test_partial_documents_have_no_relations(works: list[Work]) -> None:
    with pytest.raises(RelationError, match="whole documents"):
        await Work.find().include("writer").values("title").to_list()


async def test_unbound_models_are_named(ear: Ear) -> None:
    class Lone(Document):
        writer_id: Annotated[PydanticObjectId, Ref("Writer")]

    database = Work.get_pymongo_collection().database
    await bind(database._raw, [Lone])
    with pytest.raises(NotBound, match="Lone is related to Writer, which is not bound"):
        Lone.find().include("writer")
    await bind(database._raw, WORLD)
