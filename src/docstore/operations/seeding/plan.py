"""How seeded documents are described: rows made in steps, each of which may refer to the steps before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any, Final

from docstore.documents import Document, PydanticObjectId

_FIRST_SECOND: Final = 1_704_067_200  # 2024-01-01
Row = dict[str, Any]
"""The attributes of one document."""


@dataclass(frozen=True)
class Step:
    """Some documents of one model.

    `key` names the attributes by which a seeded document is known again in a database that has it already;
    `rows` makes the documents, always in the same order.
    """

    model: type[Document]
    key: tuple[str, ...]
    rows: Callable[[Plot], Iterable[Row]]


class Plot:
    """What rows are made from: chance that repeats itself, the present day, and the documents seeded before."""

    def __init__(self, rng_seed: int, today: datetime) -> None:
        self.today = today
        self._rng_seed = rng_seed
        self._ids: dict[type[Document], list[PydanticObjectId]] = defaultdict(list)

    def rng(self, *topic: object) -> Random:
        """A generator that gives the same numbers for the same topic, whatever else was seeded."""
        return Random(f"{self._rng_seed}:{':'.join(map(str, topic))}")  # noqa: S311 - repeatable, not a secret

    def days_ago(self, days: float) -> datetime:
        """The instant so many days before today's midnight (UTC); negative ones lie ahead."""
        return self.today - timedelta(days=days)

    def ids(self, model: type[Document]) -> Sequence[PydanticObjectId]:
        """The ids of the seeded documents of a model, in the order of their rows."""
        return self._ids[model]

    def load_id(self, model: type[Document], number: int) -> PydanticObjectId:
        """The id of a document of the load, the same on every day and every machine."""
        return self.id_for(model, "load", number, second=number)

    def id_for(self, model: type[Document], *topic: object, second: int = 0) -> PydanticObjectId:
        """An id that follows from the seed, the model and a topic; ids of a later `second` sort later."""
        text = f"{self._rng_seed}:{model.__name__}:{':'.join(map(str, topic))}"
        return PydanticObjectId((_FIRST_SECOND + second).to_bytes(4, "big") + sha256(text.encode()).digest()[:8])

    def remember(self, model: type[Document], ids: Iterable[PydanticObjectId]) -> None:
        """Make documents known to the steps that follow."""
        self._ids[model].extend(ids)
