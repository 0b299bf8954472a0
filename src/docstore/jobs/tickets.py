"""Tickets: beside each job, who works on it and until when, and the key under which it may exist once."""

from collections.abc import Sequence
from typing import ClassVar

from docstore.documents import Index, SystemDocument, UtcDateTime, index


class JobTicket(SystemDocument):
    """What the queue knows of a job besides the job itself.

    The id is ``<collection>/<job's id>`` of a lease, and ``<collection>#<key>`` of a key, so that uniqueness needs no
    index that might be missing. `job` is the former in both.
    """

    id: str  # type: ignore[assignment]  # Beanie lets a model choose its type of id
    collection: str
    job: str
    owner: str | None = None
    attempt: int = 0
    until: UtcDateTime | None = None

    indexes: ClassVar[Sequence[Index]] = (
        index("job", serves="the lease and the key of a job, when it is done"),
        index("collection", "owner", serves="who works on the jobs of a queue"),
    )
