"""The base documents: Beanie's Document behind the guard, with soft delete, stamps and camelCase storage.

Owns the classes that models derive from: what they declare, and the methods they have. What the methods do is told in
the modules beside this package.
"""

from docstore.documents.base.declaring import as_declared, storage_name
from docstore.documents.base.document import Document, SystemDocument
from docstore.documents.base.nested import SubDocument
from docstore.documents.base.stored import StoredDocument

__all__ = ["Document", "StoredDocument", "SubDocument", "SystemDocument", "as_declared", "storage_name"]
