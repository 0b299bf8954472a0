"""The kinds of records there are. To add one: a module beside this one, and a line here."""

from typing import Final

from docstore.search.accounts import ACCOUNTS
from docstore.search.categories import CATEGORIES
from docstore.search.posts import POSTS
from docstore.search.records import SearchRecord

ALL_RECORDS: Final[tuple[SearchRecord, ...]] = (POSTS, ACCOUNTS, CATEGORIES)

__all__ = ["ACCOUNTS", "ALL_RECORDS", "CATEGORIES", "POSTS"]
