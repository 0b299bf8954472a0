"""What backups there are at a place, whole or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from docstore.errors import CorruptBackup
from docstore.operations.backup.contents import read_manifest
from docstore.operations.backup.manifest import Manifest
from docstore.operations.backup.naming import MANIFEST, taken_apart
from docstore.operations.backup.places import Place, told_problems


class Standing(StrEnum):
    """How a folder at the place stands."""

    WHOLE = "whole"
    """A backup, by its manifest. Whether its files are sound is for `verify_backup` to say."""
    WRITING = "being written"
    """Somebody makes it at this moment, or may."""
    UNFINISHED = "unfinished"
    """It was interrupted; it is no backup."""
    DAMAGED = "damaged"
    """Its manifest cannot be read, or files are missing or of another size."""
    FOREIGN = "by mongodump"
    """A dump without a manifest."""


@dataclass(frozen=True, slots=True)
class FoundBackup:
    """A folder at the place; `manifest` where it has one, `detail` what there is to say."""

    name: str
    standing: Standing
    stored_bytes: int
    manifest: Manifest | None = None
    detail: str = ""

    @property
    def started(self) -> datetime:
        """When it was begun; the beginning of time when nobody knows."""
        return self.manifest.started if self.manifest is not None else datetime.min.replace(tzinfo=UTC)


def list_backups(place: Place) -> list[FoundBackup]:
    """Everything at the place that is a backup or was to become one, the oldest first; blocking, for threads.

    Raises:
        BackupError: the place cannot be read.
    """
    with told_problems(place, "listing backups"):
        found = [_look_at(place, folder) for folder in place.folders()]
    return sorted((each for each in found if each is not None), key=lambda each: (each.started, each.name))


def _look_at(place: Place, folder: str) -> FoundBackup | None:
    sizes = place.files(folder)
    total = sum(sizes.values())
    if place.is_unfinished(folder):
        writing = place.is_being_written(folder) is not False
        return FoundBackup(folder, Standing.WRITING if writing else Standing.UNFINISHED, total)
    if MANIFEST not in sizes:
        dumped = any(taken_apart(path.rpartition("/")[2]) for path in sizes)
        return FoundBackup(folder, Standing.FOREIGN, total) if dumped else None
    try:
        manifest = read_manifest(place, folder)
    except CorruptBackup as error:
        return FoundBackup(folder, Standing.DAMAGED, total, detail=error.message)
    wrong = [entry.path for entry in manifest.files() if sizes.get(entry.path) != entry.bytes]
    if wrong:
        detail = f"missing or of another size: {', '.join(wrong[:3])}{' …' if len(wrong) > 3 else ''}"
        return FoundBackup(folder, Standing.DAMAGED, total, manifest, detail)
    return FoundBackup(folder, Standing.WHOLE, total, manifest)
