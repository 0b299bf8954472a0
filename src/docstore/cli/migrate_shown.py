"""How migrations, their plans and their progress look in a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.progress import TaskID
from rich.table import Table
from rich.text import Text

from docstore.cli.progress import progress_bar
from docstore.cli.tables import table
from docstore.cli.wording import counted

if TYPE_CHECKING:
    from docstore.cli.invocation import Invocation
    from docstore.clients.lease_rows import LeaseState
    from docstore.schema.migrations import (
        MigrationProgress,
        MigrationRunner,
        PlannedMigration,
        RanMigration,
        Standing,
    )
    from docstore.schema.migrations.entries import StepRecord

_STYLES: Final = {"applied": "green", "pending": "yellow", "rolled back": "yellow", "failed": "red", "running": "red"}
_EVERY_SECONDS: Final = 10.0


def status_table(found: Sequence[Standing]) -> Table:
    """Every migration with how it stands."""
    return table(
        "migration",
        "state",
        "when (UTC)",
        "took",
        "by",
        "batch",
        rows=(
            (
                each.name,
                Text(each.state.value, _STYLES[each.state.value]),
                f"{each.entry.finished_at:%Y-%m-%d %H:%M:%S}" if each.entry and each.entry.finished_at else "",
                _took(each.entry.seconds) if each.entry and each.entry.finished_at else "",
                each.entry.who if each.entry else "",
                str(each.entry.batch) if each.entry and each.entry.batch else "",
            )
            for each in found
        ),
        right=["took", "batch"],
    )


def explained(standing: Standing, at_work: LeaseState | None) -> list[str]:
    """What there is to say of a migration that is half-way, or whose file and journal disagree; one line each.

    Args:
        standing: how it stands.
        at_work: who runs migrations just now.
    """
    entry, lines = standing.entry, []
    if standing.problem:
        lines.append(f"{standing.name} {standing.problem}. {standing.hint}")
    if entry is None or not entry.half_way:
        return lines
    way = "its way up" if entry.direction == "up" else "its way down"
    begun = f" that began {entry.started_at:%Y-%m-%d %H:%M:%S} UTC" if entry.started_at else ""
    lines.append(f"{standing.name} is half-way on {way}{begun}, by {entry.who or 'nobody named'}.")
    if entry.error:
        lines.append(f"  It ended with: {entry.error}")
    running = entry.state.value == "running" and at_work is not None and at_work.token == entry.token
    if running and at_work is not None:
        lines.append(f"  It is running, or died just now: its lease runs until {at_work.until:%H:%M:%S} UTC.")
    elif entry.state.value == "running":
        lines.append("  Its process is gone: it was killed, or its machine was.")
    if entry.mode == "transaction":
        lines.append("  It runs in one transaction, so nothing of it is in the database.")
    # What a way there long ago had made up is looked for each time, and mostly not found.
    shown = [step for step in entry.steps if step.documents or not (step.done and step.label.endswith("(as before)"))]
    lines += [f"  {number}. {step.label}: {_how_far(step)}" for number, step in enumerate(shown, 1)]
    if not shown and entry.mode != "transaction":
        lines.append("  None of its steps has begun.")
    if running:
        return lines
    if entry.direction == "up":
        lines.append("  `docstore migrate up` goes on there; `docstore migrate down` takes back what was done.")
    else:
        lines.append("  `docstore migrate down` goes on there; `docstore migrate up` does that, and applies it again.")
    return lines


def _how_far(step: StepRecord) -> str:
    if step.done:
        return "done"
    return f"{step.documents:,} of {step.total:,} documents done" if step.total else "begun"


def plan_table(planned: PlannedMigration) -> Table:
    """The steps of one migration."""
    return table(
        "step",
        "documents",
        "",
        rows=(
            (each.label, "" if each.documents is None else f"{each.documents:,}", each.detail) for each in planned.steps
        ),
        right=["documents"],
    )


def plan_told(planned: PlannedMigration) -> str:
    """One migration of a plan, in a sentence."""
    how = "in one transaction" if planned.transaction else "step by step"
    resumes = ", going on where it was" if planned.resumes else ""
    way = "" if planned.direction == "up" else "back: "
    return f"{way}{planned.name}: {planned.description} ({how}{resumes})"


def ran_told(ran: RanMigration) -> str:
    """One migration that ran, in a line."""
    done = "applied" if ran.direction == "up" else "rolled back"
    documents = f", {counted(ran.documents, 'change')} of documents" if ran.documents else ""
    return f"{ran.name} {done} in {_took(ran.seconds)}{documents}."


def as_json(item: Any) -> dict[str, Any]:
    """A frozen dataclass of migrations for machines."""
    from dataclasses import asdict

    return asdict(item)


def standing_as_json(standing: Standing) -> dict[str, Any]:
    """How one migration stands, for machines."""
    entry = standing.entry
    return {
        "name": standing.name,
        "state": standing.state.value,
        "problem": standing.problem,
        "direction": entry.direction if entry else None,
        "error": entry.error if entry else None,
        "batch": entry.batch if entry else None,
        "who": entry.who if entry else None,
        "startedAt": entry.started_at if entry else None,
        "finishedAt": entry.finished_at if entry else None,
        "seconds": round(entry.seconds, 3) if entry else None,
        "steps": [
            {"label": each.label, "done": each.done, "documents": each.documents, "total": each.total}
            for each in (entry.steps if entry else ())
        ],
    }


@contextmanager
def shown_while_running(invocation: Invocation, runner: MigrationRunner) -> Iterator[None]:
    """A block in which what a runner does is shown: bars in a terminal, now and then a line in a log."""
    with progress_bar(invocation.err, hidden=invocation.json) as bars:
        tasks: dict[tuple[str, str], TaskID] = {}
        told = [time.monotonic()]

        def listen(at: MigrationProgress) -> None:
            key = (at.migration, at.step)
            if key not in tasks:
                tasks[key] = bars.add_task(f"{at.migration.partition('_')[0]} {at.step}", total=at.total or None)
            bars.update(tasks[key], completed=at.done)
            if not invocation.err.is_terminal and time.monotonic() - told[0] >= _EVERY_SECONDS:
                told[0] = time.monotonic()
                invocation.err.print(f"{at.migration}: {at.step}: {at.done:,} of {at.total:,}", markup=False)

        def done(ran: RanMigration) -> None:
            for key in [key for key in tasks if key[0] == ran.name]:
                bars.remove_task(tasks.pop(key))
            invocation.out.print(ran_told(ran), markup=False, soft_wrap=True)
            for note in ran.notes:
                invocation.out.print(f"  {note}", markup=False, soft_wrap=True)

        runner.on_progress, runner.on_done = listen, done
        yield


def _took(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
