"""The audit log: who changed what, when, on which request; by any route, in the change's own transaction.

Owns the entries, their chain and its verification, and what is read from them: history, past states, reverting. Does
not own what a change is: the guard tells it.
"""

from docstore.documents.audit.entries import AUDIT_MODELS, AuditEntry, AuditSeal, FieldChange
from docstore.documents.audit.report import AuditProblem, AuditReport
from docstore.documents.audit.sealing import prune_audit, seal_audit
from docstore.documents.audit.verification import verify_chain

__all__ = [
    "AUDIT_MODELS",
    "AuditEntry",
    "AuditProblem",
    "AuditReport",
    "AuditSeal",
    "FieldChange",
    "prune_audit",
    "seal_audit",
    "verify_chain",
]
