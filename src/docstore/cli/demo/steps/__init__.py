"""The chapters of the demo, in the order in which they happen."""

from docstore.cli.demo.steps.closing import close_books
from docstore.cli.demo.steps.newsletter import publish_newsletter
from docstore.cli.demo.steps.preparing import prepare
from docstore.cli.demo.steps.review import review_account
from docstore.cli.demo.steps.search import fill_search, pending_events, rate_seeded_reviews
from docstore.cli.demo.steps.trash import delete_and_restore

__all__ = [
    "close_books",
    "delete_and_restore",
    "fill_search",
    "pending_events",
    "prepare",
    "publish_newsletter",
    "rate_seeded_reviews",
    "review_account",
]
