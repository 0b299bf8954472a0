"""Relations narrowed at a call: filters are judged, orders and limits hold whichever way the relation runs."""

from typing import Annotated, Any, ClassVar

import pytest
import pytest_asyncio
from pydantic import Field

from docstore.documents import Document, Many, OnDelete, PydanticObjectId, Ref, has_many, include, trusted
from docstore.documents.filters import Eq, In
from docstore.documents.include.resolving import find_relation
from docstore.errors import UnknownField, UnsafeFilter


class Person(Document):
    name: str = ""
    parent_id: Annotated[PydanticObjectId | None, Ref("Person", on_delete=OnDelete.NOTHING)] = None
    friend_ids: Annotated[list[PydanticObjectId], Ref("Person", on_delete=OnDelete.NOTHING)] = Field(
        default_factory=list
    )

    children: ClassVar[Many["Person"]] = has_many("Person", by="parent_id", sort="name")
    grown: ClassVar[Many["Person"]] = has_many("Person", by="parent_id", where={"name": {"$gte": "b"}}, sort="name")
    hobbies: ClassVar[Many["Hobby"]] = has_many("Hobby", through="HobbyOfPerson")


class Hobby(Document):
    name: str = ""


class HobbyOfPerson(Document):
    person_id: Annotated[PydanticObjectId, Ref("Person", on_delete=OnDelete.CASCADE)]
    hobby_id: Annotated[PydanticObjectId, Ref("Hobby", on_delete=OnDelete.CASCADE)]


@pytest_asyncio.fixture
async def eve(bind_models: Any) -> Person:
    """Somebody with three children, who are her friends too, one of them twice."""
    await bind_models(Person, Hobby, HobbyOfPerson, audit=False)
    eve = await Person(name="eve").insert()
    children = [await Person(name=name, parent_id=eve.id).insert() for name in "cab"]
    eve.friend_ids = [each.id for each in [*children, children[0]]]
    return await eve.save()


def names(found: Any) -> list[str]:
    return [each.name for each in found]


@pytest.mark.parametrize(
    "condition",
    [
        {"name": {"$ne": None}},
        {"name": {"$in": ["a", "b"]}},
        Eq("name", {"$gt": ""}),
        {"$where": "true"},
        {"$or": [{"name": {"$gt": ""}}]},
        trusted({"$expr": {"$function": {"body": "", "args": [], "lang": "js"}}}),
    ],
    ids=str,
)
async def test_no_value_in_a_narrowing_becomes_an_operator(eve: Person, condition: Any) -> None:
    with pytest.raises(UnsafeFilter):
        await include(eve, Person.children.where(condition))


async def test_a_narrowing_is_refused_where_it_is_given(eve: Person) -> None:
    with pytest.raises(UnsafeFilter):
        Person.find().include(Person.children.where({"name": {"$ne": None}}))
    with pytest.raises(UnknownField, match="Did you mean 'name'"):
        Person.find().include(Person.children.where({"nam": "a"}))


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"name": "a"}, ["a"]),
        (Eq("name", "a"), ["a"]),
        (In("name", ["a", "c"]), ["a", "c"]),
        (trusted({"name": {"$gt": "a"}}), ["b", "c"]),
    ],
    ids=str,
)
async def test_a_narrowing_is_spelled_as_a_query_is(eve: Person, condition: Any, found: list[str]) -> None:
    assert names((await include(eve, Person.children.where(condition))).children) == found
    both = Person.children.where({"parent_id": str(eve.id)}, condition)
    assert names((await include(eve, both)).children) == found


async def test_a_declaration_may_hold_operators(eve: Person) -> None:
    assert names((await include(eve, "grown")).grown) == ["b", "c"]
    assert names((await include(eve, Person.grown.where({"name": "c"}))).grown) == ["c"]


async def test_lists_of_references_are_ordered_limited_and_filtered_too(eve: Person) -> None:
    friends = find_relation(Person, "friends")

    async def shown(narrowed: Any) -> list[str]:
        return names((await include(eve, narrowed)).related.friends)

    assert await shown(friends) == ["c", "a", "b", "c"]
    assert await shown(friends.limit(2)) == ["c", "a"]
    assert await shown(friends.sort("name")) == ["a", "b", "c", "c"]
    assert await shown(friends.sort("-name").limit(3)) == ["c", "c", "b"]
    assert await shown(friends.where({"name": "b"})) == ["b"]
    assert await shown(friends.where({"name": "nobody"}).sort("name")) == []


@pytest.mark.parametrize("sort", [None, "name", "-name"])
@pytest.mark.parametrize("limit", [None, 1, 2, 9])
async def test_a_link_made_twice_counts_once(eve: Person, sort: str | None, limit: int | None) -> None:
    hobbies = [await Hobby(name=name).insert() for name in "yzx"]
    for hobby in (0, 0, 1, 0, 2, 2):
        await HobbyOfPerson(person_id=eve.id, hobby_id=hobbies[hobby].id).insert()
    relation = Person.hobbies.limit(limit)
    relation = relation.sort(sort) if sort else relation
    expected = {None: ["y", "z", "x"], "name": ["x", "y", "z"], "-name": ["z", "y", "x"]}[sort]
    assert names((await include(eve, relation)).hobbies) == expected[:limit]


async def test_rings_are_followed_as_far_as_asked(eve: Person) -> None:
    eve.parent_id = eve.id
    await eve.save()
    found = await Person.find_one({"name": "eve"}).include("parent.parent.children.children")
    assert found is not None
    grandparent = found.related.parent.related.parent
    assert names(grandparent.children) == ["a", "b", "c", "eve"]
    assert names(grandparent.children[-1].children) == ["a", "b", "c", "eve"]
    await eve.delete()
    [gone] = await Person.with_deleted.find({"name": "eve"}).include("parent", "children").page(5)
    assert gone.related.parent is None
    assert names(gone.children) == ["a", "b", "c"]
