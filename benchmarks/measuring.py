"""Measuring: the client's processor time per document, in rounds that take the contenders in turn.

The server is another process, so its work is not in the number; a machine that is busy with other things slows all
contenders of a round alike, so a ratio is taken within each round, and the median of the rounds is told.
"""

import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

Work = Callable[[], Awaitable[object]]


@dataclass
class Measured:
    """One operation.

    Args:
        title: what is done.
        times: microseconds of processor time per document, by contender, one for each round.
        targets: for docstore, the largest ratio to another contender, by contender.
        note: what is to be known about it.
    """

    title: str
    times: dict[str, list[float]] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def typical(self, name: str) -> float:
        """A contender's median."""
        return median(self.times[name])

    def ratio(self, name: str, to: str) -> float:
        """The median over the rounds of one contender's time by another's."""
        pairs = zip(self.times[name], self.times[to], strict=True)
        return median(one / other for one, other in pairs)


async def measure(
    measured: Measured,
    rounds: int,
    prepare: Mapping[str, Callable[[], Awaitable[tuple[Work, int]]]],
    *,
    after: Mapping[str, Work] | None = None,
) -> Measured:
    """Measure the contenders in turn.

    Args:
        measured: filled in.
        rounds: how many.
        prepare: by contender, makes the work of one round, and tells how many documents it is about.
        after: by contender, clears up after a round; not measured.
    """
    for number in range(rounds + 1):
        for name, make in _turned(list(prepare.items()), number):
            work, count = await make()
            gc.collect()
            start = time.process_time()
            await work()
            spent = time.process_time() - start
            if number:  # the first round warms up
                measured.times.setdefault(name, []).append(spent / count * 1e6)
            if after and name in after:
                await after[name]()
    print(f"{measured.title}: " + ", ".join(f"{name} {measured.typical(name):.1f} µs" for name in prepare), flush=True)
    return measured


def _turned(
    items: Sequence[tuple[str, Callable[[], Awaitable[tuple[Work, int]]]]], by: int
) -> list[tuple[str, Callable[[], Awaitable[tuple[Work, int]]]]]:
    # Nobody is always the one after somebody else's garbage.
    turn = by % len(items)
    return [*items[turn:], *items[:turn]]
