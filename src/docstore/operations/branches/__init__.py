"""Branches: copies of a database under a name of their own, for previews and runs of CI.

Owns making, comparing, deleting and clearing up branches. Does not own the settings that choose one
(`DB_METHOD=BRANCH`, `DATABASE_BRANCH`), nor the command line.
"""

from docstore.operations.branches.comparing import CollectionDiff, Differences, compare_databases
from docstore.operations.branches.making import (
    BranchOptions,
    BranchProgress,
    MadeBranch,
    create_branch,
    delete_branch,
    list_branches,
    prune_branches,
)
from docstore.operations.branches.registry import Branch, BranchState, Registry, database_of
from docstore.operations.branches.switching import write_settings

__all__ = [
    "Branch",
    "BranchOptions",
    "BranchProgress",
    "BranchState",
    "CollectionDiff",
    "Differences",
    "MadeBranch",
    "Registry",
    "compare_databases",
    "create_branch",
    "database_of",
    "delete_branch",
    "list_branches",
    "prune_branches",
    "write_settings",
]
