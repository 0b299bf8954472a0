"""The audit names what is wrong with indexes, and the declaration to change."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import pytest
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from docstore.documents import Document, Index, PydanticObjectId, Ref, index, unique
from docstore.models import ALL
from docstore.schema import IndexFinding, Verdict, audit_indexes, sync_indexes
from docstore.schema.indexes import audit as auditing
from docstore.schema.indexes.covering import covers, unproven
from docstore.schema.specs import IndexSpec

Database = AsyncDatabase[dict[str, Any]]


class Condition(StrEnum):
    NEW = "NEW"
    DELETED = "DELETED"


class Owner(Document):
    name: str


class Boat(Document):
    """Badly indexed."""

    name: str
    harbour: str | None = None
    length: float = 0
    status: Condition = Condition.NEW
    owner_id: Annotated[PydanticObjectId | None, Ref("Owner")] = None

    indexes: ClassVar[Sequence[Any]] = (
        index("harbour", serves="boats of a harbour"),
        index("harbour", "-length", serves="boats of a harbour, longest first"),
        unique("name"),
        IndexModel([("length", 1)], name="by_length"),
    )


def found_of(findings: Sequence[IndexFinding]) -> dict[Verdict, IndexFinding]:
    return {each.verdict: each for each in findings}


async def test_redundant_unusable_and_purposeless_ones_with_their_declarations(database: Database) -> None:
    await sync_indexes(database, [Boat])

    audit = await audit_indexes(database, [Boat])

    found = found_of(audit.findings)
    assert found.keys() == {Verdict.REDUNDANT, Verdict.UNUSABLE, Verdict.PURPOSE}
    assert found[Verdict.REDUNDANT].index == "ix_harbour"
    assert "ix_harbour_length_desc" in found[Verdict.REDUNDANT].reason
    assert found[Verdict.REDUNDANT].advice == 'remove Boat.indexes: index("harbour", serves=…)'
    assert found[Verdict.UNUSABLE].index == "uq_name"
    assert "a certain status" in found[Verdict.UNUSABLE].reason
    assert 'add index("name"' in found[Verdict.UNUSABLE].advice
    assert found[Verdict.PURPOSE].index == "by_length"
    assert "does not tell which indexes are used" in audit.notes[0]


async def test_a_reference_that_the_server_has_no_index_for(database: Database) -> None:
    await sync_indexes(database, [Boat])
    await database["Boat"].drop_index("ix_ownerId")

    finding = found_of((await audit_indexes(database, [Boat])).findings)[Verdict.REFERENCE]

    assert finding.reason == "ownerId → Owner: its index is declared, and not on the server"
    assert finding.advice == "docstore indexes sync"


async def test_an_unknown_index_may_be_redundant_too_and_many_are_too_many(database: Database) -> None:
    await sync_indexes(database, [Owner])
    for number in range(12):
        await database["Owner"].create_index([("name", 1), (f"field{number}", 1)])
    await database["Owner"].create_index("name")

    found = found_of((await audit_indexes(database, [Owner])).findings)

    assert found[Verdict.REDUNDANT].index == "name_1"
    assert "sync --prune" in found[Verdict.REDUNDANT].advice
    assert found[Verdict.MANY].reason.startswith("13 indexes")


async def test_unused_is_what_a_server_counted_long_enough(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await sync_indexes(database, [Boat])

    async def uses(_: Database, name: str) -> dict[str, tuple[int, datetime]]:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        never = ("ix_harbour_length_desc", "uq_name")
        return {**dict.fromkeys(never, (0, long_ago)), "ix_ownerId": (0, datetime.now(UTC)), "by_length": (5, long_ago)}

    monkeypatch.setattr(auditing, "_uses", uses)
    unused = [each for each in (await audit_indexes(database, [Boat])).findings if each.verdict is Verdict.UNUSED]

    assert [each.index for each in unused] == ["ix_harbour_length_desc"]
    assert "2020-01-01" in unused[0].reason


async def test_docstores_own_models_pass(database: Database) -> None:
    await sync_indexes(database, ALL)

    assert (await audit_indexes(database, ALL)).findings == ()


@pytest.mark.parametrize(
    ("better", "spec", "expected"),
    [
        ({"keys": (("a", 1), ("b", -1))}, {"keys": (("a", -1),)}, True),
        ({"keys": (("a", 1), ("b", -1), ("c", 1))}, {"keys": (("a", -1), ("b", 1))}, True),
        ({"keys": (("a", 1), ("b", 1))}, {"keys": (("a", 1), ("b", -1))}, False),
        ({"keys": (("a", 1), ("b", 1))}, {"keys": (("b", 1),)}, False),
        ({"keys": (("a", 1), ("b", 1))}, {"keys": (("a", 1),), "options": {"unique": True}}, False),
        ({"keys": (("a", 1), ("b", 1))}, {"keys": (("a", 1),), "options": {"expireAfterSeconds": 1}}, False),
        ({"keys": (("a", 1),), "options": {"unique": True}}, {"keys": (("a", 1),)}, True),
        ({"keys": (("a", 1), ("b", 1)), "options": {"sparse": True}}, {"keys": (("a", 1),)}, False),
        ({"keys": (("a", 1), ("b", 1)), "options": {"hidden": True}}, {"keys": (("a", 1),)}, False),
        ({"keys": (("a", 1),), "options": {"partialFilterExpression": {"x": 1}}}, {"keys": (("a", 1),)}, False),
        ({"keys": (("a", 1), ("b", 1)), "options": {"collation": {"locale": "en"}}}, {"keys": (("a", 1),)}, False),
        ({"keys": (("a", "hashed"), ("b", 1))}, {"keys": (("a", "hashed"),)}, False),
    ],
)
def test_what_covers_what(better: dict[str, Any], spec: dict[str, Any], expected: bool) -> None:
    assert covers(IndexSpec("better", **better), IndexSpec("spec", **spec)) is expected


def test_what_a_planner_proves_of_a_partial_filter() -> None:
    def index_where(**partial: Any) -> IndexSpec:
        return IndexSpec("uq", (("name", 1),), {"unique": True, "partialFilterExpression": partial})

    marks = {"deletedAt": None, "isDeleted": {"$in": [False, None]}}
    assert unproven(index_where(**marks), living=True) == ()
    assert unproven(index_where(**marks), living=False) == ("deletedAt", "isDeleted")
    assert unproven(index_where(name={"$gt": ""}), living=True) == ()
    assert unproven(index_where(name={"$type": "string"}), living=True) == ("name",)
    assert unproven(index_where(kind="novel"), living=True) == ("kind",)


def test_declarations_are_told_as_they_stand() -> None:
    from docstore.schema.indexes.declarations import declaration_told

    assert declaration_told(Index(("a", "-b"), "x")) == 'index("a", "-b", serves=…)'
    assert declaration_told(unique("a", when_set=["a"])) == "unique(\"a\", when_set=['a'])"
    assert declaration_told(index("a", serves="x", expire_after=5)) == 'index("a", expire_after=5, serves=…)'
