"""Migrations: numbered files that change what a database holds, there and back.

Owns the files, the journal, running them (in one transaction, or in batches that are resumed where they were), the
helpers they are written with, and writing them from what changed in the models. Does not own the models: a migration
names collections and fields as they are stored, and never imports a model.
"""

from docstore.schema.migrations.context import Migration
from docstore.schema.migrations.document_steps import Unconvertible
from docstore.schema.migrations.entries import Entry, State
from docstore.schema.migrations.files import FILL_IN, MigrationFile, find_migrations
from docstore.schema.migrations.journal import JOURNAL, Journal
from docstore.schema.migrations.kept import KEPT
from docstore.schema.migrations.planning import Standing
from docstore.schema.migrations.reports import MigrationProgress, Pace, PlannedMigration, PlannedStep, RanMigration
from docstore.schema.migrations.runner import LEASE, MigrationRunner

__all__ = [
    "FILL_IN",
    "JOURNAL",
    "KEPT",
    "LEASE",
    "Entry",
    "Journal",
    "Migration",
    "MigrationFile",
    "MigrationProgress",
    "MigrationRunner",
    "Pace",
    "PlannedMigration",
    "PlannedStep",
    "RanMigration",
    "Standing",
    "State",
    "Unconvertible",
    "find_migrations",
]
