"""Backups at set times, in the foreground: under systemd, in a container. Of several machines one makes each backup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final, Protocol

from docstore.clients.leases import MongoLease
from docstore.documents import translated
from docstore.errors import BackupError, DocstoreError
from docstore.operations.backup.creating import MadeBackup, create_backup
from docstore.operations.backup.dumping import BackupOptions
from docstore.operations.backup.retention import Keep, PruneReport, prune_backups

if TYPE_CHECKING:
    from docstore.operations.backup.catalog import Database
    from docstore.operations.backup.places import Place

SCHEDULE_COLLECTION: Final = "BackupSchedule"
"""Remembers in the database up to which set time its backups are made."""

_LEASE: Final = "backup"
_ROW: Final = "backup"
_LONGEST_SLEEP_S: Final = 60.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Timetable(Protocol):
    """Says when backups are due. Every machine must come to the same times."""

    def after(self, moment: datetime) -> datetime:
        """The next time that is later than `moment`, in UTC."""


class Cron:
    """The times of a cron expression, such as ``0 3 * * *``, in a time zone."""

    def __init__(self, expression: str, zone: tzinfo = UTC) -> None:
        from cronsim import CronSim, CronSimError

        self._expression, self._zone = expression, zone
        try:
            CronSim(expression, _EPOCH)
        except CronSimError as error:
            raise BackupError(
                f"{expression!r} is no cron expression: {error}.", hint="Five fields, such as '0 3 * * *'."
            ) from error

    def after(self, moment: datetime) -> datetime:
        """See `Timetable`."""
        from cronsim import CronSim

        return next(CronSim(self._expression, moment.astimezone(self._zone))).astimezone(UTC)


class Every:
    """Whole multiples of an interval, counted from midnight UTC of 1 January 1970."""

    def __init__(self, interval: timedelta) -> None:
        if interval < timedelta(seconds=1):
            raise BackupError("the interval of backups must be a second at least.")
        self._interval = interval

    def after(self, moment: datetime) -> datetime:
        """See `Timetable`."""
        return _EPOCH + ((moment - _EPOCH) // self._interval + 1) * self._interval


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What became of one set time: a backup was made here, or elsewhere (`elsewhere` says by whom), or it failed."""

    slot: datetime
    made: MadeBackup | None = None
    pruned: PruneReport | None = None
    elsewhere: str = ""
    error: DocstoreError | None = None


@dataclass(frozen=True)
class Scheduler:
    """Makes the backups of one database at set times.

    Args:
        database: the raw database; lease and slot are kept in it.
        place: where backups go.
        timetable: when.
        options: how each is made.
        keep: thin out after each; None leaves all.
        lease_s: seconds after which another machine takes over from one that died.
        now: the clock.
    """

    database: Database
    place: Place
    timetable: Timetable
    options: BackupOptions = field(default_factory=BackupOptions)
    keep: Keep | None = None
    lease_s: float = 30.0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(self, on_outcome: Callable[[SlotOutcome], None], *, slots: int | None = None) -> None:
        """Wait for each set time and see to its backup, until cancelled or for `slots` times.

        A failure is told and does not end it: another machine may succeed, and so may the next time.
        """
        done = 0
        while slots is None or done < slots:
            slot = self.timetable.after(self.now())
            await self._sleep_until(slot)
            on_outcome(await self.serve(slot))
            done += 1

    async def serve(self, slot: datetime) -> SlotOutcome:
        """See to it that the backup of a set time is made, here or elsewhere."""
        try:
            async with MongoLease(self.database, _LEASE, ttl=self.lease_s, waiting=None) as lease:
                done = await self._slot_done()
                if done is not None and done["slot"] >= slot:
                    return SlotOutcome(slot, elsewhere=str(done["by"]))
                made = await create_backup(self.database, self.place, self.options)
                lease.check()
                await self._remember(slot, lease.owner, made.name)
                pruned = await prune_backups(self.place, self.keep) if self.keep is not None else None
                return SlotOutcome(slot, made, pruned)
        except DocstoreError as error:
            return SlotOutcome(slot, error=error)

    async def _sleep_until(self, slot: datetime) -> None:
        # In short steps: a clock that is set, or a machine that slept, must not make us late for ever.
        while (left := (slot - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - it is a time that is waited for
            await asyncio.sleep(min(left, _LONGEST_SLEEP_S))

    async def _slot_done(self) -> dict[str, Any] | None:
        with translated(SCHEDULE_COLLECTION):
            row = await self.database[SCHEDULE_COLLECTION].find_one({"_id": _ROW})
        if row is not None and row["slot"].tzinfo is None:
            row["slot"] = row["slot"].replace(tzinfo=UTC)
        return row

    async def _remember(self, slot: datetime, by: str, name: str) -> None:
        with translated(SCHEDULE_COLLECTION):
            await self.database[SCHEDULE_COLLECTION].replace_one(
                {"_id": _ROW}, {"slot": slot, "by": by, "backup": name}, upsert=True
            )
