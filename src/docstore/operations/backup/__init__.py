"""Backups: a database in files that mongorestore reads too, made at one moment, verified, restored, thinned out.

Owns the dump format with its manifest, where backups are kept, encryption, restores with their journal, retention and
the scheduler. Does not own the command line, nor the servers.
"""

from docstore.operations.backup.contents import LATEST, Backup, open_backup
from docstore.operations.backup.creating import MadeBackup, create_backup
from docstore.operations.backup.dumping import BackupOptions, BackupProgress
from docstore.operations.backup.listing import FoundBackup, Standing, list_backups
from docstore.operations.backup.manifest import CollectionEntry, FileEntry, Manifest
from docstore.operations.backup.places import Place, open_place
from docstore.operations.backup.planning import told_state
from docstore.operations.backup.restore_terms import (
    RestoredCollection,
    RestoreOptions,
    RestoreProgress,
    RestoreReport,
    Stage,
)
from docstore.operations.backup.restoring import restore_backup, restore_state
from docstore.operations.backup.retention import Keep, PruneReport, Verdict, judge, prune_backups
from docstore.operations.backup.scheduling import Cron, Every, Scheduler, SlotOutcome
from docstore.operations.backup.sealing import Seal
from docstore.operations.backup.verifying import VerifyProgress, VerifyReport, verify_backup

__all__ = [
    "LATEST",
    "Backup",
    "BackupOptions",
    "BackupProgress",
    "CollectionEntry",
    "Cron",
    "Every",
    "FileEntry",
    "FoundBackup",
    "Keep",
    "MadeBackup",
    "Manifest",
    "Place",
    "PruneReport",
    "RestoreOptions",
    "RestoreProgress",
    "RestoreReport",
    "RestoredCollection",
    "Scheduler",
    "Seal",
    "SlotOutcome",
    "Stage",
    "Standing",
    "Verdict",
    "VerifyProgress",
    "VerifyReport",
    "create_backup",
    "judge",
    "list_backups",
    "open_backup",
    "open_place",
    "prune_backups",
    "restore_backup",
    "restore_state",
    "told_state",
    "verify_backup",
]
