"""Wherever a reference is declared it is kept, or refused: none is there for show."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Optional
from uuid import UUID, uuid4

import pytest
from bson import ObjectId
from pydantic import BaseModel, Field

from docstore.documents import Document, OnDelete, PydanticObjectId, Ref, references_of
from docstore.errors import ReferenceViolation, SettingsError

Bind = Callable[..., Awaitable[Any]]
ToOwner = Annotated[PydanticObjectId, Ref("Owner", on_delete=OnDelete.CASCADE)]


class Owner(Document):
    name: str = ""


class Optionally(Document):
    owner_id: ToOwner | None = None


class OldStyle(Document):
    owner_id: Optional[ToOwner] = None  # noqa: UP045 - the spelling is what is tested


class Aliased(Document):
    owner_id: Annotated[ToOwner | None, Field(description="Whose it is.")] = None


class Listed(Document):
    owner_id: list[ToOwner] = Field(default_factory=list)


class Perhaps(Document):
    owner_id: list[ToOwner] | None = None


PLACES = (Optionally, OldStyle, Aliased, Listed, Perhaps)


@pytest.mark.parametrize("model", PLACES, ids=lambda each: each.__name__)
async def test_the_mark_may_stand_at_the_id(bind_models: Bind, model: Any) -> None:
    assert [(each.target, each.on_delete) for each in references_of(model)] == [("Owner", OnDelete.CASCADE)]
    await bind_models(Owner, model, audit=False)
    many = model in (Listed, Perhaps)
    with pytest.raises(ReferenceViolation):
        await model(owner_id=[ObjectId()] if many else ObjectId()).insert()
    owner = await Owner().insert()
    owned = await model(owner_id=[owner.id] if many else owner.id).insert()
    await owner.delete()
    assert await model.get(owned.id) is None
    await owner.restore()
    assert await model.get(owned.id) is not None


class ByClass(Document):
    owner_id: Annotated[PydanticObjectId, Ref(Owner, on_delete=OnDelete.CASCADE)]


class Misspelled(Document):
    owner_id: Annotated[PydanticObjectId | None, Ref("Ownner")] = None


async def test_a_reference_may_name_the_class_itself(bind_models: Bind) -> None:
    assert Ref(Owner) == Ref("Owner")
    assert len({Ref(Owner), Ref("Owner"), Ref("Owner", OnDelete.CASCADE)}) == 2
    await bind_models(Owner, ByClass, audit=False)
    with pytest.raises(ReferenceViolation):
        await ByClass(owner_id=ObjectId()).insert()
    owner = await Owner().insert()
    await ByClass(owner_id=owner.id).insert()
    await owner.delete()
    assert await ByClass.count() == 0


class Keyed(Document):
    id: UUID = Field(default_factory=uuid4)  # type: ignore[assignment]  # no object id
    parent_id: Annotated[UUID | None, Ref("Keyed", on_delete=OnDelete.CASCADE)] = None


async def test_ids_may_be_uuids(bind_models: Bind) -> None:
    await bind_models(Keyed, audit=False)
    root = await Keyed().insert()
    child = await Keyed(parent_id=root.id).insert()
    other = Keyed()
    await Keyed.insert_many([other, Keyed(parent_id=other.id), Keyed(parent_id=child.id)])
    for nowhere in (lambda: Keyed(parent_id=uuid4()).insert(), lambda: child.set({"parent_id": uuid4()})):
        with pytest.raises(ReferenceViolation, match=r"Keyed [0-9a-f]{8}-[0-9a-f-]+ \(UUID\)"):
            await nowhere()
    await child.set({"parent_id": other.id})
    await root.delete()
    assert await Keyed.count() == 4
    await other.delete()
    assert await Keyed.count() == 0
    await other.restore()
    assert await Keyed.count() == 4


async def test_a_name_that_no_class_has_is_told(bind_models: Bind, caplog: pytest.LogCaptureFixture) -> None:
    await bind_models(ByClass, Misspelled, audit=False)  # Owner is defined, though not bound
    assert [each.getMessage() for each in caplog.records if each.name == "docstore.binding"] == [
        "Misspelled.owner_id refers to Ownner, and no document class has that name: it is not checked, and nothing "
        "follows from it."
    ]


class Numbers(Document):
    """Lives and dies with its owner, and has its id."""

    id: Annotated[PydanticObjectId, Ref("Owner", on_delete=OnDelete.CASCADE)]
    amount: int = 0


async def test_an_id_may_be_a_reference(bind_models: Bind) -> None:
    await bind_models(Owner, Numbers, audit=False)
    with pytest.raises(ReferenceViolation):
        await Numbers(id=ObjectId()).insert()
    owner = await Owner().insert()
    await Numbers(id=owner.id).insert()
    await owner.delete()
    assert await Numbers.count() == 0
    await owner.restore()
    assert await Numbers.count() == 1


class Part(BaseModel):
    owner_id: ToOwner | None = None
    parts: list["Part"] = Field(default_factory=list)


class Inside(Document):
    part: Part | None = None


class InsideAList(Document):
    parts: list[Part] = Field(default_factory=list)


class InsideATable(Document):
    parts: dict[str, list[Part]] = Field(default_factory=dict)


class ValuesOfATable(Document):
    parts: dict[str, ToOwner] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (Inside, r"part\.owner_id"),
        (InsideAList, r"parts\.owner_id"),
        (InsideATable, r"parts\.\*\.owner_id"),
        (ValuesOfATable, r"parts\.\*"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_where_nothing_would_keep_it_it_is_refused(bind_models: Bind, model: Any, path: str) -> None:
    with pytest.raises(SettingsError, match=rf"{model.__name__}\.{path} is a reference inside"):
        await bind_models(Owner, model, audit=False)
