"""What happens to one document: validated, saved, updated, moved on, brought back, removed for good.

Owns the functions behind the base class's methods, so that the class stays a table of contents. Not the guard, which
every one of them writes through.
"""

from docstore.documents.lifecycle.assigning import assign, give_id, give_ids, known_id, next_version
from docstore.documents.lifecycle.missing import why_missing
from docstore.documents.lifecycle.moving import move
from docstore.documents.lifecycle.saving import fields_to_set, insert_new, save_document
from docstore.documents.lifecycle.trashing import purge_document, restore_document
from docstore.documents.lifecycle.updating import write_update

__all__ = [
    "assign",
    "fields_to_set",
    "give_id",
    "give_ids",
    "insert_new",
    "known_id",
    "move",
    "next_version",
    "purge_document",
    "restore_document",
    "save_document",
    "why_missing",
    "write_update",
]
