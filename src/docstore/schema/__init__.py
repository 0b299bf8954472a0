"""Schema: what a database should hold besides documents, and what it does hold.

Owns comparing, building, changing and exporting the indexes that models declare. Does not own the declarations (they
stand on the models, in `documents/`).
"""

from docstore.schema.export import export_indexes, exported_files, stale_exports
from docstore.schema.indexes import (
    IndexAction,
    IndexAudit,
    IndexFinding,
    IndexPlan,
    IndexProgress,
    IndexReport,
    IndexStep,
    Pruning,
    SyncListener,
    Verdict,
    audit_indexes,
    index_plan,
    sync_indexes,
)

__all__ = [
    "IndexAction",
    "IndexAudit",
    "IndexFinding",
    "IndexPlan",
    "IndexProgress",
    "IndexReport",
    "IndexStep",
    "Pruning",
    "SyncListener",
    "Verdict",
    "audit_indexes",
    "export_indexes",
    "exported_files",
    "index_plan",
    "stale_exports",
    "sync_indexes",
]
