"""The one gate to the database: collections that never show, count, change or destroy a deleted document.

Owns the rules and the guarded PyMongo handles. Does not know Beanie: models reach it through `documents/base/`.
"""

from docstore.documents.guard.client import GuardedClient
from docstore.documents.guard.collection import GuardedCollection
from docstore.documents.guard.database import GuardedDatabase
from docstore.documents.guard.policy import GuardRegistry, Policy
from docstore.documents.guard.predicate import DELETED, LIVING, Scope, deletion_marks

__all__ = [
    "DELETED",
    "LIVING",
    "GuardRegistry",
    "GuardedClient",
    "GuardedCollection",
    "GuardedDatabase",
    "Policy",
    "Scope",
    "deletion_marks",
]
