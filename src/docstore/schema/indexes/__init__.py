"""Indexes: what the models declare against what a server has, and making the one the other.

Owns the plan (create, change, hide, keep, drop), carrying it out one index at a time, and the audit of what is there.
Does not own the declarations (they stand on the models, in `documents/`).
"""

from docstore.schema.indexes.audit import IndexAudit, IndexFinding, Verdict, audit_indexes
from docstore.schema.indexes.plan import IndexAction, IndexPlan, IndexStep, Pruning
from docstore.schema.indexes.progress import IndexProgress
from docstore.schema.indexes.reading import index_plan
from docstore.schema.indexes.sync import IndexReport, SyncListener, sync_indexes

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
    "index_plan",
    "sync_indexes",
]
