"""Schema: what a database should hold besides documents, and what it does hold.

Owns the indexes and validators that follow from models: comparing, building, changing and exporting them; and judging
existing documents by them. Does not own the declarations (they stand on the models, in `documents/`).
"""

from docstore.schema.checking import CheckProgress, CheckReport, check_documents
from docstore.schema.export import export_indexes, exported_files, exported_validators, stale_exports
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
from docstore.schema.validators import ValidatorLevel, ValidatorStatus, sync_validators, validator_of, validator_status

__all__ = [
    "CheckProgress",
    "CheckReport",
    "IndexAction",
    "IndexAudit",
    "IndexFinding",
    "IndexPlan",
    "IndexProgress",
    "IndexReport",
    "IndexStep",
    "Pruning",
    "SyncListener",
    "ValidatorLevel",
    "ValidatorStatus",
    "Verdict",
    "audit_indexes",
    "check_documents",
    "export_indexes",
    "exported_files",
    "exported_validators",
    "index_plan",
    "stale_exports",
    "sync_indexes",
    "sync_validators",
    "validator_of",
    "validator_status",
]
