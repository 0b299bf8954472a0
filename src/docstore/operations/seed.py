"""Fill a database with realistic, linked documents; a second time adds nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from docstore.documents import Document, references_of, utc_now
from docstore.errors import SettingsError
from docstore.models import Post, TagOnPost
from docstore.operations.seeding import STEPS, Plot, insert_rows, scaled_links, scaled_posts, write_rows

_THOUSAND: Final = 1_000
_SCALE_BATCH: Final = 500


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
) -> SeedReport:
    """Seed every bound collection, or some of them and those they refer to.

    Documents are known again by natural keys, so what is there already stays as it is and is linked to. Content and
    links follow from `rng_seed`; dates are relative to today, and tokens are random. Events are announced as for any
    other write.

    Args:
        store: an open Store.
        scale: how many thousand further posts, each with three tags.
        only: collection names; empty for all.
        on_progress: called after each batch.
        rng_seed: another number gives other content.

    Raises:
        SettingsError: `only` names a collection that is not seeded or not bound.
        UniqueViolation: a document of the database holds a unique value of a seeded one.
    """
    start = time.perf_counter()
    listen: Listener = on_progress or (lambda _: None)
    wanted = _wanted(store.models, only)
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    plot = Plot(rng_seed, midnight)
    counts: dict[str, int] = {}
    for step in STEPS:
        if step.model not in wanted:
            continue
        written = await write_rows(step.model, step.key, step.rows(plot))
        plot.remember(step.model, written.ids)
        done = counts[step.model.__name__] = len(plot.ids(step.model))
        listen(SeedProgress(step.model.__name__, done, done))
    if scale and Post in wanted:
        await _scale(plot, scale * _THOUSAND, counts, listen, with_tags=TagOnPost in wanted)
    return SeedReport(counts, time.perf_counter() - start)


async def _scale(plot: Plot, posts: int, counts: dict[str, int], listen: Listener, *, with_tags: bool) -> None:
    own_posts = counts[Post.__name__]
    for first in range(0, posts, _SCALE_BATCH):
        numbers = range(first, min(first + _SCALE_BATCH, posts))
        written = await write_rows(Post, ("post_url",), scaled_posts(plot, numbers))
        if with_tags:
            links = list(scaled_links(plot, numbers, written.ids))
            fresh = [link for link in links if link["post_id"] in written.fresh]
            there = [link for link in links if link["post_id"] not in written.fresh]
            # What was inserted a moment ago has no links to look for.
            await insert_rows(TagOnPost, fresh)
            await write_rows(TagOnPost, ("post_id", "tag_id"), there)
            counts[TagOnPost.__name__] += len(links)
        counts[Post.__name__] = own_posts + numbers.stop
        listen(SeedProgress(Post.__name__, counts[Post.__name__], own_posts + posts))


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
