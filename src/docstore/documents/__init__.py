"""Documents: Beanie models behind one guarded gate to the database.

Owns soft delete, stamps, references, state machines, transactions and events. Does not own what follows from an event
(services), nor what indexes a server has (schema). The only package that imports Beanie.
"""

from docstore.documents.base import Document, StoredDocument, SubDocument, SystemDocument
from docstore.documents.binding import bind, unbind
from docstore.documents.changes import Change, ChangeKind, DocumentChanged
from docstore.documents.clock import server_now
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
from docstore.documents.guard.references import DeletionReport
from docstore.documents.ids import DocumentId
from docstore.documents.include import (
    Many,
    One,
    Relation,
    belongs_to,
    has_many,
    has_one,
    include,
    relations_of,
)
from docstore.documents.indexes import Index, declared_indexes, index, unique
from docstore.documents.integrity import DeletionStep, resume_deletions
from docstore.documents.pages import NumberedPage, Page
from docstore.documents.queries import FindManyDocuments, FindOneDocument
from docstore.documents.read_through import CachedReads, ReadThrough, use_read_through
from docstore.documents.references import OnDelete, PydanticObjectId, Ref, Reference, references_of
from docstore.documents.retention import Aged, Retention
from docstore.documents.shard_keys import ShardKey, Zone, shard_key
from docstore.documents.states import StateMachine
from docstore.documents.transactions import (
    Transaction,
    current_transaction,
    run_in_transaction,
    transaction,
    transactional,
)
from docstore.documents.trash import Trash
from docstore.documents.triggers import (
    Transition,
    Trigger,
    assign_fields,
    became_null,
    get_trigger,
    trigger_names,
    triggers_for,
)

__all__ = [
    "STORED",
    "Aged",
    "CachedReads",
    "Change",
    "ChangeKind",
    "DeletionReport",
    "DeletionStep",
    "Document",
    "DocumentChanged",
    "DocumentId",
    "Email",
    "Event",
    "EventHandler",
    "FindManyDocuments",
    "FindOneDocument",
    "Index",
    "Json",
    "Many",
    "NonEmpty",
    "NumberedPage",
    "OnDelete",
    "One",
    "Page",
    "PydanticObjectId",
    "ReadThrough",
    "Ref",
    "Reference",
    "Relation",
    "Retention",
    "ShardKey",
    "Slug",
    "StateMachine",
    "StoredDocument",
    "StrList",
    "SubDocument",
    "SystemDocument",
    "TokenHash",
    "Transaction",
    "Transition",
    "Trash",
    "Trigger",
    "UtcDateTime",
    "Zone",
    "add_event_handler",
    "assign_fields",
    "became_null",
    "belongs_to",
    "bind",
    "current_transaction",
    "declared_indexes",
    "emit",
    "get_trigger",
    "has_many",
    "has_one",
    "heeds_context_alone",
    "include",
    "index",
    "is_stored",
    "references_of",
    "relations_of",
    "remove_event_handler",
    "resume_deletions",
    "run_in_transaction",
    "server_now",
    "shard_key",
    "transaction",
    "transactional",
    "translated",
    "trigger_names",
    "triggers_for",
    "trusted",
    "unbind",
    "unique",
    "use_read_through",
    "utc_now",
]
