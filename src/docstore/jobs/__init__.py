"""Jobs: a queue over documents, for work that takes a while and may fail.

Owns claiming, leases and heartbeats, attempts with backoff, cancelling, and the loop that runs handlers. A job is a
document with the fields of `CrawlerJob`; which collection it is, and what its work means, are the caller's.
"""

from docstore.jobs.queue import LEASE_SECONDS, Claim, JobQueue
from docstore.jobs.runner import JobContext, JobRunner
from docstore.jobs.status import JobsStatus
from docstore.jobs.tickets import JobTicket

__all__ = ["LEASE_SECONDS", "Claim", "JobContext", "JobQueue", "JobRunner", "JobTicket", "JobsStatus"]
