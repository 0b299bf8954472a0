"""Fill a database with realistic, linked documents; a second time adds nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

from docstore.documents import Document, references_of, utc_now
from docstore.errors import SettingsError
from docstore.operations.seeding import LOADS, STEPS, Plot, write_load, write_rows

PARALLEL: Final = 4
"""Batches of a load under way at once."""


class Bound(Protocol):
    """What is seeded: anything with bound models, such as an open Store."""

    @property
    def models(self) -> Sequence[type[Any]]:
        """The bound models."""
        ...


@dataclass(frozen=True)
class SeedProgress:
    """How far a collection is: `done` of `total` documents, those that were there already included."""

    collection: str
    done: int
    total: int


@dataclass(frozen=True)
class SeedReport:
    """What the database holds of the seed, by collection, and how long it took."""

    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Documents over all collections."""
        return sum(self.counts.values())


Listener = Callable[[SeedProgress], None]


async def seed(
    store: Bound,
    *,
    scale: int = 0,
    only: Sequence[str] = (),
    on_progress: Listener | None = None,
    rng_seed: int = 7,
    today: date | None = None,
    parallel: int = PARALLEL,
    scaled: Sequence[str] = (),
    announce: bool = False,
) -> SeedReport:
    """Seed every bound collection, or some of them and those they refer to.

    Documents are known again by natural keys, so what is there already stays as it is and is linked to; those of a
    load by their ids. Ids, content, links and stamps follow from `rng_seed` and `today`; tokens alone are random.
    Events of the seed are announced as for any other write; those of a load when asked for.

    Args:
        store: an open Store.
        scale: a load of so many thousand posts, with all that belongs to them (see `seeding/load.py`).
        only: collection names; empty for all.
        on_progress: called after each batch.
        rng_seed: another number gives other content.
        today: the day that dates are relative to; the present one, in UTC, when None.
        parallel: batches of a load under way at once; what is written does not depend on it.
        scaled: of the load only these collections, and those they refer to within it; empty for all.
        announce: write the load as any other documents, with events and audit entries.

    Raises:
        SettingsError: `only` or `scaled` names a collection that is not seeded or not bound.
        UniqueViolation: a document of the database holds a unique value of a seeded one.
    """
    start = time.perf_counter()
    listen: Listener = on_progress or (lambda _: None)
    wanted = _wanted(store.models, only)
    loaded = wanted & _wanted(store.models, scaled) if scaled else wanted
    day = today or utc_now().date()
    plot = Plot(rng_seed, datetime(day.year, day.month, day.day, tzinfo=UTC))
    counts: dict[str, int] = {}
    for step in STEPS:
        if step.model not in wanted:
            continue
        written = await write_rows(plot, step.model, step.key, step.rows(plot))
        plot.remember(step.model, written.ids)
        done = counts[step.model.__name__] = len(plot.ids(step.model))
        listen(SeedProgress(step.model.__name__, done, done))
    for load in LOADS if scale else ():
        if load.model not in loaded:
            continue
        bar = _Bar(load.model.__name__, counts[load.model.__name__], load.each * scale, listen)
        await write_load(plot, load, scale, parallel=parallel, announce=announce, on_batch=bar.advance)
        counts[load.model.__name__] = bar.done
    return SeedReport(counts, time.perf_counter() - start)


class _Bar:
    """How far a load is, told batch by batch."""

    def __init__(self, collection: str, seeded: int, total: int, listen: Listener) -> None:
        self._collection = collection
        self._total = seeded + total
        self._listen = listen
        self.done = seeded

    def advance(self, documents: int) -> None:
        """So many more are there."""
        self.done += documents
        self._listen(SeedProgress(self._collection, self.done, self._total))


def _wanted(bound: Sequence[type[Any]], only: Sequence[str]) -> set[type[Document]]:
    seeded = {step.model.__name__: step.model for step in STEPS if step.model in bound}
    if unknown := [name for name in only if name not in seeded]:
        raise SettingsError(
            f"There is no seed for {', '.join(unknown)}.",
            hint=f"Seeded collections are {', '.join(sorted(seeded))}.",
        )
    wanted: set[type[Document]] = set()
    _collect(only or seeded, seeded, wanted)
    return wanted


def _collect(names: Iterable[str], seeded: dict[str, type[Document]], wanted: set[type[Document]]) -> None:
    for name in names:
        model = seeded.get(name)
        if model is not None and model not in wanted:
            wanted.add(model)
            _collect([each.target for each in references_of(model)], seeded, wanted)
