"""Schema: what a database should hold besides documents, and what it does hold.

Owns comparing, building and exporting the indexes that models declare. Does not own the declarations (they stand on
the models, in `documents/`), nor dropping anything: what no model declares is reported and left alone.
"""

from docstore.schema.export import export_indexes, exported_files, stale_exports
from docstore.schema.indexes import (
    IndexProgress,
    IndexReport,
    IndexState,
    IndexStatus,
    index_status,
    sync_indexes,
)

__all__ = [
    "IndexProgress",
    "IndexReport",
    "IndexState",
    "IndexStatus",
    "export_indexes",
    "exported_files",
    "index_status",
    "stale_exports",
    "sync_indexes",
]
