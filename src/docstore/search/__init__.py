"""Search records: what of the documents stands in the search engine, and keeping it so.

Owns which record each index holds, which documents it is made of, bringing changed ones up to date, building an index
anew, comparing it with the documents, its settings as files, and searching. Knows a `SearchIndex`, no product, and a
`ChangeLog`, not where changes are told.
"""

from docstore.search.changes import ChangeLog, LoggedChange, Replay
from docstore.search.checkpoints import SearchReindex, SearchWatch
from docstore.search.comparing import VerifyReport, sync_index, verify
from docstore.search.facade import (
    AccountHit,
    AccountSort,
    CategoryHit,
    PostHit,
    SearchResults,
    search_accounts,
    search_categories,
    search_posts,
    use_search_index,
)
from docstore.search.hashing import content_hash
from docstore.search.objects import SearchObject
from docstore.search.options import ReindexOptions, ReindexReport
from docstore.search.parked import SearchParked
from docstore.search.progress import Progress
from docstore.search.records import Batch, SearchRecord, build_records
from docstore.search.registry import ACCOUNTS, ALL_RECORDS, CATEGORIES, POSTS
from docstore.search.reindexing import reindex
from docstore.search.settings import (
    MISSING,
    SettingDifference,
    pull_settings,
    push_settings,
    settings_differences,
)
from docstore.search.settings_files import declared_settings
from docstore.search.status import IndexStatus, ParkedRecord, index_status
from docstore.search.sync import SyncReport, apply_changes, full_sync

__all__ = [
    "ACCOUNTS",
    "ALL_RECORDS",
    "CATEGORIES",
    "MISSING",
    "POSTS",
    "AccountHit",
    "AccountSort",
    "Batch",
    "CategoryHit",
    "ChangeLog",
    "IndexStatus",
    "LoggedChange",
    "ParkedRecord",
    "PostHit",
    "Progress",
    "ReindexOptions",
    "ReindexReport",
    "Replay",
    "SearchObject",
    "SearchParked",
    "SearchRecord",
    "SearchReindex",
    "SearchResults",
    "SearchWatch",
    "SettingDifference",
    "SyncReport",
    "VerifyReport",
    "apply_changes",
    "build_records",
    "content_hash",
    "declared_settings",
    "full_sync",
    "index_status",
    "pull_settings",
    "push_settings",
    "reindex",
    "search_accounts",
    "search_categories",
    "search_posts",
    "settings_differences",
    "sync_index",
    "use_search_index",
    "verify",
]
