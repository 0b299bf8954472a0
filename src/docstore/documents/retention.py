"""How long documents are kept, as declared on models. Removing them is `operations/`'s business."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Aged:
    """Documents that have served their time.

    Args:
        attribute: the instant their age counts from; documents in which it is not set stay.
        after: how long they are kept.
        where: further equalities, by attribute, with a value or several of which one holds.
    """

    attribute: str
    after: timedelta
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Retention:
    """A model's rule: ``retention: ClassVar[Retention | None] = Retention(deleted=timedelta(days=90))``.

    Args:
        deleted: how long a deleted document stays in the trash, where it can be restored; None for ever.
        aged: documents, deleted or not, that go by another instant.
    """

    deleted: timedelta | None = None
    aged: tuple[Aged, ...] = ()

    def __post_init__(self) -> None:
        spans = [each.after for each in self.aged] + ([self.deleted] if self.deleted is not None else [])
        if any(span < timedelta(0) for span in spans):
            raise ValueError("a retention is a span of time, not a negative one")
