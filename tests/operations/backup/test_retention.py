"""Which backups stay, as users of restic and borg expect it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operations.backup.test_damage import write_backup

from docstore.errors import BackupError
from docstore.operations.backup import FoundBackup, Keep, Manifest, Place, Standing, judge, list_backups, prune_backups

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


def found(at: datetime, database: str = "shop", standing: Standing = Standing.WHOLE) -> FoundBackup:
    """A backup of a moment."""
    manifest = Manifest("i", database, at, at, "0", "8", True, False, None, ())
    return FoundBackup(f"{database}-{at:%Y%m%dT%H%M%S%f}", standing, 100, manifest)


def kept(backups: list[FoundBackup], keep: Keep) -> list[datetime]:
    return [verdict.backup.started for verdict in judge(backups, keep) if verdict.kept]


def test_a_year_of_days_is_thinned_out() -> None:
    backups = [found(NOW - timedelta(days=days)) for days in range(400)]

    stay = kept(backups, Keep(daily=7, weekly=4, monthly=12))

    assert stay[-7:] == [NOW - timedelta(days=days) for days in range(6, -1, -1)]
    weeks = [NOW - timedelta(days=days) for days in (5, 12, 19)]  # the Sundays before this week
    assert set(weeks) <= set(stay)
    months = {(at.year, at.month) for at in stay}
    assert len(months) == 12
    assert datetime(2026, 10, 31, 3, tzinfo=UTC) in stay
    assert len(stay) == len({*stay[-7:], *weeks, *(max(at for at in stay if (at.year, at.month) == m) for m in months)})


def test_days_without_a_backup_do_not_count() -> None:
    backups = [found(NOW - timedelta(days=days)) for days in (0, 10, 20, 30)]

    assert len(kept(backups, Keep(daily=3))) == 3


def test_of_a_day_the_newest_stays() -> None:
    backups = [found(NOW - timedelta(hours=hours)) for hours in range(3)]

    assert kept(backups, Keep(daily=5)) == [NOW]
    assert kept(backups, Keep(last=2)) == [NOW - timedelta(hours=1), NOW]


def test_each_database_by_itself() -> None:
    backups = [found(NOW - timedelta(days=days), name) for days in range(3) for name in ("shop", "blog")]

    assert len(kept(backups, Keep(last=1))) == 2


def test_what_is_no_whole_backup() -> None:
    backups = [found(NOW, standing=standing) for standing in Standing if standing is not Standing.WHOLE]

    verdicts = {verdict.backup.standing: verdict.kept for verdict in judge(backups, Keep(last=1))}

    assert verdicts == {
        Standing.WRITING: True,
        Standing.UNFINISHED: False,
        Standing.DAMAGED: True,
        Standing.FOREIGN: True,
    }


def test_nothing_kept_is_refused() -> None:
    with pytest.raises(BackupError, match="nothing is to be kept"):
        judge([found(NOW)], Keep())


@given(
    hours=st.lists(st.integers(0, 24 * 800), max_size=60, unique=True),
    keep=st.builds(Keep, *[st.integers(0, 5)] * 5).filter(lambda keep: keep.keeps_any),
)
def test_the_newest_always_stays_and_rules_only_add(hours: list[int], keep: Keep) -> None:
    backups = [found(NOW - timedelta(hours=each)) for each in hours]

    stay = kept(backups, keep)

    if hours:
        assert max(each.started for each in backups) in stay
    assert len(stay) <= keep.last + keep.daily + keep.weekly + keep.monthly + keep.yearly
    more: Any = Keep(keep.last + 1, keep.daily, keep.weekly, keep.monthly, keep.yearly)
    assert set(stay) <= set(kept(backups, more))


async def test_pruning_a_folder(place: Place, tmp_path: Path) -> None:
    for name in ("a", "b"):
        made = write_backup(tmp_path / "made", gzipped=True)
        (tmp_path / "backups").mkdir(exist_ok=True)
        made.rename(tmp_path / "backups" / name)
    left = tmp_path / "backups" / "shop-1.unfinished"
    left.mkdir()
    (left / "half").write_text("x")
    running = place.begin("running")
    (tmp_path / "backups" / "notes").mkdir()

    dry = await prune_backups(place, Keep(last=1), dry_run=True)
    assert [verdict.backup.name for verdict in dry.verdicts if not verdict.kept] == ["shop-1.unfinished", "a"]
    assert len(list_backups(place)) == 4
    report = await prune_backups(place, Keep(last=1))

    assert report.removed == ("shop-1.unfinished", "a")
    assert {each.name: each.standing for each in list_backups(place)} == {
        "b": Standing.WHOLE,
        running: Standing.WRITING,
    }
    assert (tmp_path / "backups" / "notes").is_dir()
