"""Set times: of several machines one makes each backup, and another takes over from one that fails."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operations.backup.conftest import Database

from docstore.errors import BackupError
from docstore.operations.backup import Cron, Every, Keep, Place, Scheduler, SlotOutcome, list_backups
from docstore.operations.backup import scheduling as scheduling_module

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def test_cron_in_a_time_zone() -> None:
    table = Cron("30 3 * * *", ZoneInfo("Europe/Berlin"))

    assert table.after(datetime(2026, 7, 1, tzinfo=UTC)) == datetime(2026, 7, 1, 1, 30, tzinfo=UTC)
    assert table.after(datetime(2026, 12, 1, tzinfo=UTC)) == datetime(2026, 12, 1, 2, 30, tzinfo=UTC)
    with pytest.raises(BackupError, match="is no cron expression"):
        Cron("every day")


@given(moment=MOMENTS, seconds=st.integers(1, 10**6))
def test_intervals_meet_on_every_machine(moment: datetime, seconds: int) -> None:
    table = Every(timedelta(seconds=seconds))
    due = table.after(moment)

    assert moment < due <= moment + timedelta(seconds=seconds)
    assert table.after(due - timedelta(microseconds=1)) == due
    assert table.after(due) == due + timedelta(seconds=seconds)


async def test_of_two_machines_one_makes_it(source: Database, place: Place) -> None:
    slot = datetime.now(UTC).replace(microsecond=0)
    machines = [Scheduler(source, place, Every(timedelta(hours=1))) for _ in range(3)]

    outcomes = await asyncio.gather(*(each.serve(slot) for each in machines))

    assert len([each for each in outcomes if each.made]) == 1
    assert len([each for each in outcomes if each.elsewhere]) == 2
    assert len(list_backups(place)) == 1
    assert (await machines[0].serve(slot + timedelta(hours=1))).made is not None


async def test_another_takes_over_from_one_that_fails(
    source: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = datetime.now(UTC).replace(microsecond=0)
    real, failed = scheduling_module.create_backup, []

    async def fails_first(*arguments: Any) -> Any:
        if not failed:
            failed.append(True)
            raise BackupError("no more disk")
        return await real(*arguments)

    monkeypatch.setattr(scheduling_module, "create_backup", fails_first)
    machines = [Scheduler(source, place, Every(timedelta(hours=1))) for _ in range(2)]
    outcomes = await asyncio.gather(*(each.serve(slot) for each in machines))

    assert sorted(bool(each.made) for each in outcomes) == [False, True]
    assert [str(each.error) for each in outcomes if each.error] == ["no more disk"]


async def test_it_runs_from_time_to_time_and_thins_out(source: Database, place: Place) -> None:
    told: list[SlotOutcome] = []
    scheduler = Scheduler(source, place, Every(timedelta(seconds=1)), keep=Keep(last=1))

    await scheduler.run(told.append, slots=2)

    assert [each.error for each in told] == [None, None]
    assert told[0].slot < told[1].slot
    assert told[1].pruned is not None
    assert told[0].made is not None
    assert told[1].pruned.removed == (told[0].made.name,)
    assert len(list_backups(place)) == 1
