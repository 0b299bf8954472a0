"""Tickets: beside each job, who works on it and until when, and the key under which it may exist once."""

from collections.abc import Sequence
from typing import ClassVar

from docstore.documents import Index, SystemDocument, UtcDateTime, index


class JobTicket(SystemDocument):
    """What the queue knows of a job besides the job itself.

    The id is ``<collection>/<job's id>`` of a lease, and ``<collection>#<key>`` of a key, so that uniqueness needs no
    index that might be missing. `job` is the former in all of them. Of a job that failed, and whose key another has
    taken, the id is ``<collection>/<job's id>#key`` and `key` the id of the key's ticket.
    """

    id: str  # type: ignore[assignment]  # Beanie lets a model choose its type of id
    collection: str
    job: str
    owner: str | None = None
    attempt: int = 0
    until: UtcDateTime | None = None
    key: str | None = None

    indexes: ClassVar[Sequence[Index]] = (
        index("job", serves="the lease and the key of a job, when it is done"),
        index("key", serves="the jobs that failed with a key that another has now"),
        index("collection", "owner", serves="who works on the jobs of a queue"),
    )
