"""Documents: Beanie models behind one guarded gate to the database.

Owns soft delete, stamps, references, state machines, transactions and events. Does not own what follows from an event
(services), nor what indexes a server has (schema). The only package that imports Beanie.
"""

from docstore.documents.base import Document, StoredDocument, SubDocument, SystemDocument
from docstore.documents.binding import bind, unbind
from docstore.documents.changes import Change, ChangeKind, DocumentChanged
from docstore.documents.driver_errors import translated
from docstore.documents.events import Event, EventHandler, add_event_handler, emit, remove_event_handler
from docstore.documents.fields import (
    STORED,
    Email,
    Json,
    NonEmpty,
    Slug,
    StrList,
    TokenHash,
    UtcDateTime,
    heeds_context_alone,
    is_stored,
    utc_now,
)
from docstore.documents.filters import trusted
from docstore.documents.indexes import Index, declared_indexes, index, unique
from docstore.documents.queries import FindManyDocuments, FindOneDocument
from docstore.documents.references import OnDelete, PydanticObjectId, Ref, Reference, references_of
from docstore.documents.states import StateMachine
from docstore.documents.transactions import (
    Transaction,
    current_transaction,
    run_in_transaction,
    transaction,
    transactional,
)
from docstore.documents.trash import Trash

__all__ = [
    "STORED",
    "Change",
    "ChangeKind",
    "Document",
    "DocumentChanged",
    "Email",
    "Event",
    "EventHandler",
    "FindManyDocuments",
    "FindOneDocument",
    "Index",
    "Json",
    "NonEmpty",
    "OnDelete",
    "PydanticObjectId",
    "Ref",
    "Reference",
    "Slug",
    "StateMachine",
    "StoredDocument",
    "StrList",
    "SubDocument",
    "SystemDocument",
    "TokenHash",
    "Transaction",
    "Trash",
    "UtcDateTime",
    "add_event_handler",
    "bind",
    "current_transaction",
    "declared_indexes",
    "emit",
    "heeds_context_alone",
    "index",
    "is_stored",
    "references_of",
    "remove_event_handler",
    "run_in_transaction",
    "transaction",
    "transactional",
    "translated",
    "trusted",
    "unbind",
    "unique",
    "utc_now",
]
