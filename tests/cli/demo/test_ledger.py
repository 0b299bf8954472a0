"""The demo's ledger: it waits, it gives up, and it says which stage was wrong."""

import asyncio
from io import StringIO

import pytest
from rich.console import Console

from docstore.cli.demo.ledger import Ledger, StageFailed
from docstore.cli.demo.narration import Narrator


@pytest.fixture
def out() -> StringIO:
    return StringIO()


@pytest.fixture
def ledger(out: StringIO) -> Ledger:
    return Ledger(Narrator(Console(file=out, width=120), Console(file=StringIO())))


async def test_a_wait_ends_when_the_count_is_there(ledger: Ledger, out: StringIO) -> None:
    counts = iter([0, 1, 3])

    async def measure() -> int:
        return next(counts)

    assert await ledger.wait("deliveries", 3, measure) == 3
    assert [(each.name, each.expected, each.found, each.ok) for each in ledger.stages] == [("deliveries", 3, 3, True)]
    assert "ok  deliveries: 3" in out.getvalue()


async def test_a_wait_has_a_deadline_and_says_what_is_missing(ledger: Ledger, out: StringIO) -> None:
    async def measure() -> int:
        await asyncio.sleep(0)
        return 2

    with pytest.raises(StageFailed, match=r"'deliveries': expected 3, found 2 after 0 s"):
        await ledger.wait("deliveries", 3, measure, deadline_s=0.1)

    assert [each.ok for each in ledger.stages] == [False]
    assert "FAILED  deliveries: 2 instead of 3" in out.getvalue()


def test_more_than_expected_is_wrong_too(ledger: Ledger) -> None:
    with pytest.raises(StageFailed, match="expected 0, found 1"):
        ledger.check("reads of a deleted post", 0, 1)
