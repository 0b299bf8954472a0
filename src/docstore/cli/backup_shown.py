"""What `docstore backup` prints: progress, tables, and the same for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import TaskID

from docstore.cli.progress import progress_bar
from docstore.cli.tables import table
from docstore.operations.backup import Stage, Standing

if TYPE_CHECKING:
    from docstore.cli.invocation import Invocation
    from docstore.operations.backup import (
        Backup,
        BackupProgress,
        FoundBackup,
        MadeBackup,
        Place,
        PruneReport,
        RestoreProgress,
        RestoreReport,
        SlotOutcome,
        VerifyProgress,
        VerifyReport,
    )

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_SMALL = 10_000


def told_bytes(count: float) -> str:
    """A size as people read it."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:,.0f} {_UNITS[unit]}" if unit == 0 else f"{count:,.1f} {_UNITS[unit]}"


@contextmanager
def backup_progress(invocation: Invocation) -> Iterator[Callable[[BackupProgress], None]]:
    """A block that shows how far the collections are; small ones pass by in one line."""
    with _bars(invocation, "small collections") as tell:
        yield lambda at: tell(at.collection, at.collection, at.done, at.total)


@contextmanager
def verify_progress(invocation: Invocation) -> Iterator[Callable[[VerifyProgress], None]]:
    """A block that shows which file is read."""
    with progress_bar(invocation.err, hidden=invocation.json) as progress:
        line = progress.add_task("reading")
        yield lambda at: progress.update(line, description=at.file, completed=at.number, total=at.total)


@contextmanager
def restore_progress(invocation: Invocation) -> Iterator[Callable[[RestoreProgress], None]]:
    """A block that shows how far a restore is."""
    with _bars(invocation, "verifying") as tell:

        def listen(at: RestoreProgress) -> None:
            if at.stage is Stage.DOCUMENTS:
                tell("", "filling", 0, 0)
                tell(at.name, at.name, at.done, at.total)
            elif at.stage is Stage.INDEXES:
                tell(at.name, f"{at.name}: {at.total} indexes", 0, 0)
            else:
                tell("", f"{at.stage}: {at.name}", at.done, at.total)

        yield listen


@contextmanager
def _bars(invocation: Invocation, first: str) -> Iterator[Callable[[str, str, int, int], None]]:
    bars: dict[str, TaskID] = {}
    with progress_bar(invocation.err, hidden=invocation.json) as progress:
        small = progress.add_task(first, total=None)

        def tell(key: str, description: str, done: int, total: int) -> None:
            if key not in bars and (not key or total < _SMALL):
                progress.update(small, description=description, completed=done, total=total or None)
                return
            if key not in bars:
                bars[key] = progress.add_task(key)
            progress.update(bars[key], description=description, completed=done, total=total or None)
            if total and done >= total:
                progress.update(bars[key], visible=False)

        yield tell


def show_made(invocation: Invocation, made: MadeBackup, place: Place) -> None:
    """The backup that was made."""
    manifest = made.manifest
    invocation.out.print(
        table(
            "collection",
            "documents",
            "indexes",
            "stored",
            rows=(
                (
                    each.name if each.data is not None else f"{each.name} (view)",
                    f"{each.documents:,}",
                    str(each.indexes),
                    told_bytes(each.metadata.bytes + (each.data.bytes if each.data else 0)),
                )
                for each in manifest.collections
            ),
            right=("documents", "indexes", "stored"),
        )
    )
    invocation.out.print(
        f"{made.name} is whole at {place.told}: {manifest.documents:,} documents, {told_bytes(manifest.stored_bytes)}"
        f"{', encrypted' if manifest.encrypted else ''}, in {made.seconds:.1f} s."
    )
    invocation.out.print(
        f"Read at one moment, cluster time {manifest.snapshot[0]}.{manifest.snapshot[1]}."
        if manifest.snapshot
        else "Not read at one moment: see the note."
    )
    _notes(invocation, manifest.notes)


def show_found(invocation: Invocation, found: Sequence[FoundBackup], place: Place) -> None:
    """The backups of a place."""
    if not found:
        invocation.out.print(f"There are no backups at {place.told}.")
        return
    invocation.out.print(
        table(
            "backup",
            "database",
            "begun (UTC)",
            "documents",
            "stored",
            "state",
            rows=(_found_row(each) for each in found),
            right=("documents", "stored"),
        )
    )
    whole = sum(each.standing is Standing.WHOLE for each in found)
    total = sum(each.stored_bytes for each in found)
    invocation.out.print(f"{whole} whole of {len(found)} at {place.told}, {told_bytes(total)}.")


def _found_row(each: FoundBackup) -> tuple[str, ...]:
    manifest = each.manifest
    state = str(each.standing)
    if manifest is not None and each.standing is Standing.WHOLE:
        state += (", encrypted" if manifest.encrypted else "") + ("" if manifest.snapshot else ", no snapshot")
    if each.detail:
        state += f": {each.detail}"
    return (
        each.name,
        manifest.database if manifest else "",
        f"{manifest.started:%Y-%m-%d %H:%M:%S}" if manifest else "",
        f"{manifest.documents:,}" if manifest else "",
        told_bytes(each.stored_bytes),
        state,
    )


def show_verified(invocation: Invocation, backup: Backup, report: VerifyReport) -> None:
    """What reading a backup found."""
    for problem in report.problems:
        invocation.out.print(problem.message, soft_wrap=True)
    read = f"{report.files} files, {told_bytes(report.bytes)}, {report.documents:,} documents"
    if report.problems:
        invocation.out.print(f"{backup.folder} is damaged: {len(report.problems)} problems in {read}.")
    elif report.sealed:
        invocation.out.print(
            f"{backup.folder} is what was written, by its hashes: {report.files} files, {told_bytes(report.bytes)}. "
            "It is encrypted; set BACKUP_IDENTITY to look at the documents as well."
        )
    else:
        invocation.out.print(f"{backup.folder} is sound: {read}, in {report.seconds:.1f} s.")
    _notes(invocation, backup.notes)


def show_restored(invocation: Invocation, backup: Backup, report: RestoreReport) -> None:
    """What a restore did."""
    invocation.out.print(
        table(
            "collection",
            "documents",
            "indexes",
            "",
            rows=(
                (each.name, f"{each.documents:,}", str(each.indexes), "replaced" if each.replaced else "")
                for each in report.collections
            ),
            right=("documents", "indexes"),
        )
    )
    how = " (went on with one that was cut off)" if report.resumed else ""
    invocation.out.print(
        f"{backup.folder} is restored into {report.database}{how}: {report.documents:,} documents in "
        f"{report.seconds:.1f} s."
    )
    if report.left:
        invocation.out.print(f"Not in the backup, and left as they were: {', '.join(report.left)}.")
    _notes(invocation, report.notes)


def show_pruned(invocation: Invocation, report: PruneReport, *, dry_run: bool) -> None:
    """What stays and what goes."""
    invocation.out.print(
        table(
            "backup",
            "stored",
            "kept",
            "because",
            rows=(
                (
                    verdict.backup.name,
                    told_bytes(verdict.backup.stored_bytes),
                    "yes" if verdict.kept else "no",
                    ", ".join(verdict.reasons) or "no rule keeps it",
                )
                for verdict in report.verdicts
            ),
            right=("stored",),
        )
    )
    doomed = [verdict.backup for verdict in report.verdicts if not verdict.kept]
    freed = told_bytes(sum(each.stored_bytes for each in doomed))
    if dry_run:
        invocation.out.print(f"{len(doomed)} would be removed ({freed}). Nothing was.")
    else:
        invocation.out.print(f"{len(report.removed)} removed ({freed}).")


def show_outcome(invocation: Invocation, outcome: SlotOutcome) -> None:
    """What became of a set time."""
    when = f"{outcome.slot:%Y-%m-%d %H:%M:%S} UTC"
    if outcome.error is not None:
        invocation.err.print(f"{when}: FAILED. {outcome.error}", soft_wrap=True)
    elif outcome.made is None:
        invocation.out.print(f"{when}: made by {outcome.elsewhere}.")
    else:
        gone = len(outcome.pruned.removed) if outcome.pruned else 0
        manifest = outcome.made.manifest
        invocation.out.print(
            f"{when}: {outcome.made.name}, {manifest.documents:,} documents, {told_bytes(manifest.stored_bytes)}, "
            f"{outcome.made.seconds:.1f} s" + (f"; {gone} older ones removed." if gone else ".")
        )


def _notes(invocation: Invocation, notes: Sequence[str]) -> None:
    for note in notes:
        invocation.out.print(f"Note: {note}.", soft_wrap=True)
