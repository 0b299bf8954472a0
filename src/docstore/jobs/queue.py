"""The queue, whole."""

from __future__ import annotations

from docstore.jobs.claiming import JobClaims
from docstore.jobs.operating import JobOperations
from docstore.jobs.tables import LEASE_SECONDS, Claim, J

__all__ = ["LEASE_SECONDS", "Claim", "JobQueue"]


class JobQueue(JobClaims[J], JobOperations[J]):
    """A queue over the documents of a model, such as ``JobQueue(CrawlerJob)``.

    Claimed by priority (highest first), then age; `scheduled_at` holds a job back until then.

    Args:
        model: the jobs; needs the fields of `CrawlerJob`.
        lease_seconds: see `LEASE_SECONDS`.

    Raises:
        SettingsError: the model lacks a field.
    """
