"""State machines: allowed steps, refusals that name the way, one winner of a race."""

import asyncio
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.documents import Document, StateMachine
from docstore.errors import DeletedDocument, InvalidTransition, NotFound, ValidationFailed


class Step(StrEnum):
    DRAFT = "DRAFT"
    OPEN = "OPEN"
    DONE = "DONE"
    GONE = "GONE"


MACHINE = StateMachine(
    "step",
    {
        Step.DRAFT: frozenset({Step.OPEN, Step.GONE}),
        Step.OPEN: frozenset({Step.DONE, Step.DRAFT, Step.OPEN}),
        Step.DONE: frozenset(),
    },
)


class Walker(Document):
    step: Step = Step.DRAFT
    number: int = 0
    by_name: str | None = None
    states = MACHINE


class Stander(Document):
    step: Step = Step.DRAFT


@pytest.fixture
async def raw(bind_models: Any, database: Any) -> Any:
    await bind_models(Walker, Stander)
    return database["Walker"]


@given(st.sampled_from(Step), st.sampled_from(Step))
def test_check_and_sources_agree(current: Step, target: Step) -> None:
    allowed = target in MACHINE.steps.get(current, frozenset())
    assert (current in MACHINE.sources(target)) is allowed
    if allowed:
        MACHINE.check("Walker", current, target)
    else:
        with pytest.raises(InvalidTransition) as refusal:
            MACHINE.check("Walker", current, target)
        assert current.value in str(refusal.value)
        assert target.value in str(refusal.value)
        for way in MACHINE.steps.get(current, frozenset()):
            assert way.value in str(refusal.value)


async def test_a_step_writes_the_state_and_the_changes_alone(raw: Any) -> None:
    walker = await Walker().insert()
    await raw.update_one({}, {"$set": {"number": 9, "unknown": 1}})
    assert await walker.move_to(Step.OPEN, by_name="ada") is walker
    stored = await raw.find_one()
    assert (stored["step"], stored["byName"], stored["number"], stored["unknown"]) == ("OPEN", "ada", 9, 1)
    assert (walker.step, walker.by_name) == (Step.OPEN, "ada")
    assert stored["updatedAt"] == walker.updated_at >= stored["createdAt"]


async def test_the_databases_state_decides(raw: Any) -> None:
    walker = await Walker().insert()
    await raw.update_one({}, {"$set": {"step": "DONE"}})
    with pytest.raises(InvalidTransition) as refusal:
        await walker.move_to(Step.OPEN)
    assert "DONE" in str(refusal.value)
    assert walker.step is Step.DRAFT
    assert (await raw.find_one())["step"] == "DONE"


@pytest.mark.parametrize("missing", [{}, {"step": None}])
async def test_an_old_document_without_a_state_is_in_the_default_one(missing: dict[str, Any], raw: Any) -> None:
    await raw.insert_one({**missing, "number": 1})
    walker = await Walker.find_one()
    assert walker is not None
    with pytest.raises(InvalidTransition):
        await walker.move_to(Step.DONE)
    await walker.move_to(Step.OPEN)
    assert (await raw.find_one())["step"] == "OPEN"


async def test_of_many_that_take_a_step_one_wins(raw: Any) -> None:
    walker = await Walker().insert()
    copies = [await Walker.get(walker.id) for _ in range(6)]
    results = await asyncio.gather(
        *(each.move_to(Step.GONE, number=index) for index, each in enumerate(copies)), return_exceptions=True
    )
    winners = [index for index, each in enumerate(results) if not isinstance(each, Exception)]
    assert len(winners) == 1
    assert (await raw.find_one())["number"] == winners[0]
    assert all(isinstance(each, Walker | InvalidTransition) for each in results)


async def test_what_cannot_be_moved_says_why(raw: Any) -> None:
    walker = await Walker().insert()
    with pytest.raises(ValidationFailed):
        await walker.move_to(Step.OPEN, nonsense=1)
    with pytest.raises(ValidationFailed):
        await walker.move_to(Step.OPEN, number="many")
    with pytest.raises(NotFound):
        await Walker().move_to(Step.OPEN)
    with pytest.raises(InvalidTransition):
        await (await Stander().insert()).move_to(Step.OPEN)
    await walker.delete()
    with pytest.raises(DeletedDocument):
        await walker.move_to(Step.OPEN)
    await walker.purge(reason="test")
    with pytest.raises(NotFound):
        await walker.move_to(Step.OPEN)
    assert await raw.count_documents({"step": {"$ne": "DRAFT"}}) == 0


async def test_a_state_the_machine_does_not_know_is_told(raw: Any) -> None:
    walker = await Walker().insert()
    await raw.update_one({}, {"$set": {"step": "SOMETHING_OLD"}})
    with pytest.raises(InvalidTransition):
        await walker.move_to(Step.OPEN)


async def test_marks_are_no_changes_of_a_step(raw: Any) -> None:
    walker = await Walker().insert()
    for changes in ({"is_deleted": True}, {"deleted_by": "x"}):
        with pytest.raises(Exception) as refusal:
            await walker.move_to(Step.OPEN, **changes)
        assert type(refusal.value).__module__.startswith("docstore")
    assert await Walker.count() == 1
