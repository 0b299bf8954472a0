"""Giving documents the states that were kept of them, row by row, each with its mark in the journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from docstore.schema.migrations.entries import StepRecord
from docstore.schema.migrations.kept import KeptRows
from docstore.schema.migrations.sessions import current_session
from docstore.schema.migrations.step_log import StepLog
from docstore.schema.migrations.values import Row

Transact = Callable[[Callable[[], Awaitable[StepRecord]]], Awaitable[StepRecord]]


@dataclass(frozen=True)
class Flips:
    """One step's way through what was kept.

    Args:
        kept: what was kept; see `KeptRows.flip`.
        log: where the step is written down.
        transact: runs work in a transaction, again when it loses a race.
        throttle: most documents a second; None for as many as go.
    """

    kept: KeptRows
    log: StepLog
    transact: Transact
    throttle: float | None

    async def run(
        self, record: StepRecord, way: str, backward: Callable[[Row], None] | None, *, again: bool
    ) -> StepRecord:
        """Flip all that is left; the step's record afterwards.

        Args:
            record: where the step is.
            way: which states are given back.
            backward: as of `KeptRows.flip`.
            again: as of `KeptRows.flip`.
        """
        started, first = time.monotonic(), record.documents
        while (row := await self.kept.next_row(way, current_session())) is not None:
            held = row

            async def work(held: Row = held, before: StepRecord = record) -> StepRecord:
                changed, left = await self.kept.flip(held, current_session(), backward=backward, again=again)
                notes = dict(before.notes)
                if left:
                    notes["left"] = notes.get("left", 0) + left
                after = replace(before, documents=before.documents + changed, notes=notes)
                await self.log.write(after)
                return after

            record = await self.transact(work)
            self.log.tell(record)
            if self.throttle:
                ahead = (record.documents - first) / self.throttle - (time.monotonic() - started)
                await asyncio.sleep(max(0.0, ahead))
        return record
