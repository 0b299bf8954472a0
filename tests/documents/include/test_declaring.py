"""What a declaration may leave open, and what is said when it leaves open too much."""

from typing import Annotated, Any, ClassVar

import pytest

from docstore.documents import (
    Document,
    Many,
    One,
    PydanticObjectId,
    Ref,
    belongs_to,
    has_many,
    has_one,
    relations_of,
)
from docstore.errors import NotBound, RelationError, UnknownRelation
from docstore.models import ALL, Account, Category, Note, Organization, Post, Review

Id = PydanticObjectId


class Team(Document):
    people: ClassVar[Many["Person"]] = has_many("Person")
    far: ClassVar[Many["Person"]] = has_many("Nobody")
    missorted: ClassVar[Many["Person"]] = has_many("Person", by="team_id", sort="agee")
    misread: ClassVar[Many["Person"]] = has_many("Person", by="age")
    lead: ClassVar[One["Person"]] = has_one("Person", by="leads_id")
    misled: ClassVar[One["Person"]] = belongs_to("people")
    allies: ClassVar[Many["Team"]] = has_many("Team", through="Pact", by="first_id")


class Person(Document):
    age: int = 0
    team_id: Annotated[Id, Ref("Team")]
    leads_id: Annotated[Id | None, Ref("Team")] = None


class Pact(Document):
    first_id: Annotated[Id, Ref("Team")]
    second_id: Annotated[Id, Ref("Team")]


class Category2(Document):
    parent_id: Annotated[Id | None, Ref("Category2")] = None


class Box(Document):
    category: str = ""
    category_id: Annotated[Id, Ref("Category2")]


@pytest.fixture
async def bound(bind_models: Any) -> None:
    await bind_models(Team, Person, Pact, Category2, Box)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("people", "which reference of Person leads to Team is open, by several: team_id, leads_id"),
        ("misread", r"Person\.age is no reference to Team"),
        ("misled", r"Team\.people is no reference"),
        ("missorted", "sorted by 'agee'"),
    ],
)
async def test_declarations_that_cannot_be(bound: None, name: str, told: str) -> None:
    with pytest.raises(RelationError, match=told):
        Team.find().include(name)


async def test_an_unbound_target(bound: None) -> None:
    with pytest.raises(NotBound, match="Team is related to Nobody"):
        Team.find().include("far")


async def test_a_link_between_two_of_a_kind(bound: None) -> None:
    red, blue = await Team().insert(), await Team().insert()
    await Pact(first_id=red.id, second_id=blue.id).insert()
    found = await Team.find_one({"_id": red.id}).include("allies")
    assert found is not None
    assert [team.id for team in found.allies] == [blue.id]


async def test_several_references_are_derived_by_their_names(bound: None) -> None:
    assert {"persons_by_team", "persons_by_leads", "pacts_by_first", "pacts_by_second"} <= relations_of(Team).keys()
    assert "category2s" in relations_of(Category2)
    assert "boxes" in relations_of(Category2)
    # A field of the name goes before what could be derived.
    assert "category" not in relations_of(Box)
    with pytest.raises(UnknownRelation):
        Box.find().include("category")


@pytest.mark.parametrize("number", [0, -1, True, "3", 1.5])
def test_a_limit_is_a_number(number: Any) -> None:
    with pytest.raises(RelationError, match="whole number"):
        Team.lead.limit(number)


def test_narrowing_leaves_the_relation_as_it_is() -> None:
    narrowed = Team.people.where({"age": 3}).sort("-age").limit(2)
    assert narrowed is not Team.people
    assert narrowed.choice.limit == 2
    assert Team.people.choice.limit is None
    assert repr(narrowed) == "<relation people>"


async def test_every_relation_of_the_models_resolves(bind_models: Any) -> None:
    await bind_models(*ALL)
    for model in ALL:
        for name in relations_of(model):
            await model.find().include(name).to_list()
    assert {"author", "tags"} <= relations_of(Post).keys()
    assert {"author", "account", "comments", "votes"} <= relations_of(Review).keys()
    assert {"categories", "reviews", "videos"} <= relations_of(Account).keys()
    assert {"parent", "children", "accounts"} <= relations_of(Category).keys()
    assert {"author", "media", "comments", "statistics"} <= relations_of(Note).keys()
    assert {"members", "accounts"} <= relations_of(Organization).keys()
