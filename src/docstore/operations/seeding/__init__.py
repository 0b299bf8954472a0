"""The seed's content: realistic, linked, made by rule, so that every run and every machine has the same.

Owns what is seeded, domain by domain. How it is written, and in which order, is `operations/seed.py`.
"""

from docstore.operations.seeding.blog import BLOG_STEPS
from docstore.operations.seeding.content import CONTENT_STEPS
from docstore.operations.seeding.discussions import DISCUSSION_STEPS
from docstore.operations.seeding.identity import IDENTITY_STEPS
from docstore.operations.seeding.jobs import JOB_STEPS
from docstore.operations.seeding.load import LOADS, Load
from docstore.operations.seeding.loading import write_load
from docstore.operations.seeding.newsletters import NEWSLETTER_STEPS
from docstore.operations.seeding.notes import NOTE_STEPS
from docstore.operations.seeding.plan import Plot, Row, Step
from docstore.operations.seeding.reviews import REVIEW_STEPS
from docstore.operations.seeding.writing import write_rows

STEPS: tuple[Step, ...] = (
    *IDENTITY_STEPS,
    *BLOG_STEPS,
    *NEWSLETTER_STEPS,
    *REVIEW_STEPS,
    *DISCUSSION_STEPS,
    *NOTE_STEPS,
    *CONTENT_STEPS,
    *JOB_STEPS,
)
"""Everything that is seeded, in an order in which what is referred to comes first."""

__all__ = ["LOADS", "STEPS", "Load", "Plot", "Row", "Step", "write_load", "write_rows"]
