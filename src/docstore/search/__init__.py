"""Search records: what of the documents stands in the search engine, and keeping it so.

Owns which record each index holds, which documents it is made of, bringing changed ones up to date, the full sync and
pushing an index's settings. Knows a `SearchIndex`, no product, and not where changes are told.
"""

from docstore.search.records import Batch, SearchRecord, build_records
from docstore.search.registry import ACCOUNTS, ALL_RECORDS, CATEGORIES, POSTS
from docstore.search.settings import push_settings
from docstore.search.sync import SyncReport, apply_changes, full_sync

__all__ = [
    "ACCOUNTS",
    "ALL_RECORDS",
    "CATEGORIES",
    "POSTS",
    "Batch",
    "SearchRecord",
    "SyncReport",
    "apply_changes",
    "build_records",
    "full_sync",
    "push_settings",
]
