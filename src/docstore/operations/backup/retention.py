"""Thinning out backups: the newest of each of the last days, weeks, months stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from docstore.errors import BackupError
from docstore.operations.backup.listing import FoundBackup, Standing, list_backups
from docstore.operations.backup.places import Place, told_problems


@dataclass(frozen=True, slots=True)
class Keep:
    """How many are kept: the newest `last`, and of the last so many days, weeks, months and years that have a backup
    the newest each. Days begin at midnight UTC, weeks on Monday.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    @property
    def keeps_any(self) -> bool:
        """Whether anything would stay."""
        return any((self.last, self.daily, self.weekly, self.monthly, self.yearly))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a backup, and why."""

    backup: FoundBackup
    kept: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What was decided; `removed` is what is gone, and empty after a dry run."""

    verdicts: tuple[Verdict, ...]
    removed: tuple[str, ...]
    freed_bytes: int


_Period = Callable[[datetime], tuple[int, ...]]


def judge(backups: Sequence[FoundBackup], keep: Keep) -> list[Verdict]:
    """What `keep` says of each backup, each database by itself; damaged ones and others' dumps always stay.

    Raises:
        BackupError: nothing would be kept.
    """
    if not keep.keeps_any:
        raise BackupError(
            "nothing is to be kept.", hint="Say how many: --last, --daily, --weekly, --monthly, --yearly."
        )
    verdicts = [_verdict_on_odd(each) for each in backups if each.standing is not Standing.WHOLE]
    databases: dict[str, list[FoundBackup]] = {}
    for each in backups:
        if each.standing is Standing.WHOLE and each.manifest is not None:
            databases.setdefault(each.manifest.database, []).append(each)
    for own in databases.values():
        reasons = _reasons(sorted(own, key=lambda each: each.started, reverse=True), keep)
        verdicts += [Verdict(each, bool(reasons[each.name]), tuple(reasons[each.name])) for each in own]
    return sorted(verdicts, key=lambda verdict: (verdict.backup.started, verdict.backup.name))


async def prune_backups(place: Place, keep: Keep, *, dry_run: bool = False) -> PruneReport:
    """Remove what `keep` does not keep, and what was never finished and nobody writes any more.

    Raises:
        BackupError: nothing would be kept, or the place cannot be read or written.
    """
    verdicts = judge(await asyncio.to_thread(list_backups, place), keep)
    removed: list[FoundBackup] = []
    for verdict in verdicts:
        if not verdict.kept and not dry_run:
            await asyncio.to_thread(_remove, place, verdict.backup.name)
            removed.append(verdict.backup)
    return PruneReport(
        tuple(verdicts), tuple(each.name for each in removed), sum(each.stored_bytes for each in removed)
    )


def _remove(place: Place, name: str) -> None:
    with told_problems(place, f"removing {name}"):
        place.remove(name)


def _verdict_on_odd(backup: FoundBackup) -> Verdict:
    if backup.standing is Standing.UNFINISHED:
        return Verdict(backup, False, ("unfinished",))
    return Verdict(backup, True, (str(backup.standing),))


def _reasons(newest_first: Sequence[FoundBackup], keep: Keep) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {each.name: [] for each in newest_first}
    for each in newest_first[: keep.last]:
        reasons[each.name].append("last")
    periods: list[tuple[str, int, _Period]] = [
        ("daily", keep.daily, lambda at: (at.year, at.month, at.day)),
        ("weekly", keep.weekly, lambda at: at.isocalendar()[:2]),
        ("monthly", keep.monthly, lambda at: (at.year, at.month)),
        ("yearly", keep.yearly, lambda at: (at.year,)),
    ]
    for word, count, period in periods:
        seen: set[tuple[int, ...]] = set()
        for each in newest_first:
            if len(seen) < count and period(each.started) not in seen:
                seen.add(period(each.started))
                reasons[each.name].append(word)
    return reasons
