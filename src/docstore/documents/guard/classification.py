"""Every public name of PyMongo's AsyncCollection, and what the guard does with it.

A test holds this list against the installed PyMongo: a name that a new version adds must be classed before it ships.
"""

from typing import Final

GUARDED: Final = frozenset(
    {
        "aggregate",
        "aggregate_raw_batches",
        "bulk_write",
        "count_documents",
        "create_index",
        "create_indexes",
        "database",
        "delete_many",
        "delete_one",
        "distinct",
        "drop",
        "estimated_document_count",
        "find",
        "find_one",
        "find_one_and_delete",
        "find_one_and_replace",
        "find_one_and_update",
        "find_raw_batches",
        "insert_many",
        "insert_one",
        "replace_one",
        "update_many",
        "update_one",
        "watch",
        "with_options",
    }
)
"""Overridden: narrowed to the documents in scope, stamped, turned into marks, or led to another guarded handle."""

PASSED: Final = frozenset(
    {
        "codec_options",
        "create_search_index",
        "create_search_indexes",
        "drop_index",
        "drop_indexes",
        "drop_search_index",
        "full_name",
        "index_information",
        "list_indexes",
        "list_search_indexes",
        "name",
        "next",
        "options",
        "read_concern",
        "read_preference",
        "update_search_index",
        "write_concern",
    }
)
"""PyMongo's own: they neither show nor change documents."""

REFUSED: Final = frozenset({"rename"})
"""They raise RefusedOperation."""
