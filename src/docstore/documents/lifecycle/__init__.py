"""What happens to one document: validated, saved, updated, moved on, brought back, removed for good.

Owns the functions behind the base class's methods, so that the class stays a table of contents. Not the guard, which
every one of them writes through.
"""

from docstore.documents.lifecycle.assigning import assign, next_version
from docstore.documents.lifecycle.inserting import insert_new, insert_together, known_id
from docstore.documents.lifecycle.missing import why_missing
from docstore.documents.lifecycle.moving import move
from docstore.documents.lifecycle.saving import fields_to_set, save_document
from docstore.documents.lifecycle.trashing import purge_document, restore_document
from docstore.documents.lifecycle.updating import write_update

__all__ = [
    "assign",
    "fields_to_set",
    "insert_new",
    "insert_together",
    "known_id",
    "move",
    "next_version",
    "purge_document",
    "restore_document",
    "save_document",
    "why_missing",
    "write_update",
]
