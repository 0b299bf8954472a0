"""Searching: typed queries and results over the indexes, with filters that no input can break out of.

Owns which attributes may be filtered by and how, ranges as visitors pick them, and the sorted replicas.
"""

from docstore.search.facade.conditions import Conditions, compile_conditions
from docstore.search.facade.hits import AccountHit, CategoryHit, PostHit, SearchResults
from docstore.search.facade.ranges import NumberRange, parse_range
from docstore.search.facade.searching import (
    AccountSort,
    search_accounts,
    search_categories,
    search_posts,
    use_search_index,
)

__all__ = [
    "AccountHit",
    "AccountSort",
    "CategoryHit",
    "Conditions",
    "NumberRange",
    "PostHit",
    "SearchResults",
    "compile_conditions",
    "parse_range",
    "search_accounts",
    "search_categories",
    "search_posts",
    "use_search_index",
]
