"""What `docstore backup` says to machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docstore.operations.backup import (
        Backup,
        FoundBackup,
        MadeBackup,
        Place,
        PruneReport,
        RestoreReport,
        SlotOutcome,
        VerifyReport,
    )
    from docstore.operations.backup.journal import RestoreState


def made_json(made: MadeBackup, place: Place) -> dict[str, Any]:
    """The same for machines."""
    return {
        "ok": True,
        "name": made.name,
        "at": place.told,
        "database": made.manifest.database,
        "documents": made.manifest.documents,
        "bytes": made.manifest.stored_bytes,
        "collections": {each.name: each.documents for each in made.manifest.collections},
        "consistent": made.manifest.is_consistent,
        "snapshot": made.manifest.snapshot,
        "encrypted": made.manifest.encrypted,
        "notes": made.manifest.notes,
        "seconds": round(made.seconds, 3),
    }


def found_json(each: FoundBackup) -> dict[str, Any]:
    """The same for machines."""
    manifest = each.manifest
    return {
        "name": each.name,
        "state": each.standing,
        "detail": each.detail,
        "bytes": each.stored_bytes,
        "database": manifest.database if manifest else None,
        "started": manifest.started.isoformat() if manifest else None,
        "documents": manifest.documents if manifest else None,
        "consistent": manifest.is_consistent if manifest else None,
        "encrypted": manifest.encrypted if manifest else None,
    }


def verified_json(backup: Backup, report: VerifyReport) -> dict[str, Any]:
    """The same for machines."""
    return {
        "ok": report.ok,
        "name": backup.folder,
        "files": report.files,
        "documents": report.documents,
        "bytes": report.bytes,
        "counts": report.counts,
        "hashes_only": report.sealed,
        "problems": [{"file": each.file, "offset": each.offset, "message": each.message} for each in report.problems],
        "notes": list(backup.notes),
    }


def restored_json(backup: Backup, report: RestoreReport) -> dict[str, Any]:
    """The same for machines."""
    return {
        "ok": True,
        "name": backup.folder,
        "database": report.database,
        "collections": [asdict(each) for each in report.collections],
        "documents": report.documents,
        "left": report.left,
        "resumed": report.resumed,
        "notes": report.notes,
        "seconds": round(report.seconds, 3),
    }


def state_json(state: RestoreState | None) -> dict[str, Any] | None:
    """A restore that is under way, for machines."""
    if state is None:
        return None
    return {
        "backup": state.told,
        "started": state.started.isoformat(),
        "collections": {step.name: step.state for step in state.steps},
    }


def pruned_json(report: PruneReport, *, dry_run: bool) -> dict[str, Any]:
    """The same for machines."""
    return {
        "ok": True,
        "dry_run": dry_run,
        "kept": {each.backup.name: each.reasons for each in report.verdicts if each.kept},
        "removed": report.removed,
        "would_remove": [each.backup.name for each in report.verdicts if not each.kept] if dry_run else [],
        "freed_bytes": report.freed_bytes,
    }


def outcome_json(outcome: SlotOutcome, place: Place) -> dict[str, Any]:
    """The same for machines."""
    return {
        "ok": outcome.error is None,
        "slot": outcome.slot.isoformat(),
        "made": made_json(outcome.made, place) if outcome.made else None,
        "elsewhere": outcome.elsewhere or None,
        "removed": outcome.pruned.removed if outcome.pruned else [],
        "error": {"code": outcome.error.code, "message": outcome.error.message} if outcome.error else None,
    }
