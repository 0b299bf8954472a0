"""Errors of what operators run: leases, migrations, backups, branches."""

from __future__ import annotations

from docstore.errors.base import DocstoreError


class LeaseError(DocstoreError):
    """Something about what one process alone may do."""

    code = "lease"


class LeaseHeld(LeaseError):
    """Another process holds the lease."""

    code = "lease_held"


class LeaseLost(LeaseError):
    """The lease ran out before the work was done."""

    code = "lease_lost"


class MigrationError(DocstoreError):
    """A migration cannot be run, or did not run to its end."""

    code = "migration"


class MigrationHistoryError(MigrationError):
    """Migration files and journal disagree: one was edited, is missing, or is out of order."""

    code = "migration_history"


class MigrationFailed(MigrationError):
    """A migration raised half-way; what it did is in the journal."""

    code = "migration_failed"


class IrreversibleMigration(MigrationError):
    """There is no way back."""

    code = "irreversible"


class BackupError(DocstoreError):
    """A backup cannot be made, read, restored or pruned."""

    code = "backup"


class CorruptBackup(BackupError):
    """What is stored is not what was written.

    Attributes:
        file: the file, relative to the backup.
        offset: the byte of the stored file from which on it cannot be trusted; None where the whole file is meant.
    """

    code = "corrupt_backup"

    def __init__(self, message: str, *, file: str, offset: int | None = None, hint: str | None = None) -> None:
        self.file = file
        self.offset = offset
        super().__init__(message, hint=hint)


class RestoreRefused(BackupError):
    """The restore would overwrite what is there, or meets another restore's half."""

    code = "restore_refused"


class BranchError(DocstoreError):
    """A branch cannot be made, compared or removed."""

    code = "branch"


class ReindexRefused(DocstoreError):
    """The index would be empty, or much smaller than it is."""

    code = "reindex_refused"
