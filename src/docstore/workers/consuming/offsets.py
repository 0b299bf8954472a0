"""Which offsets may be committed: messages are done in any order, and only what lies before the first open one is."""

from __future__ import annotations

from collections import deque


class PartitionOffsets:
    """The messages in hand of one partition.

    Offsets may have gaps, as a compacted topic leaves them.
    """

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._done: set[int] = set()
        self._next: int | None = None
        self._committed: int | None = None

    def __len__(self) -> int:
        """How many messages are in hand, done or not."""
        return len(self._open)

    def begin(self, offset: int) -> None:
        """A message was fetched; in the order of offsets."""
        self._open.append(offset)

    def done(self, offset: int) -> None:
        """A message needs nothing more."""
        self._done.add(offset)
        while self._open and self._open[0] in self._done:
            first = self._open.popleft()
            self._done.remove(first)
            self._next = first + 1

    @property
    def to_commit(self) -> int | None:
        """The next offset to read, if it is further than what was committed."""
        return self._next if self._next != self._committed else None

    def committed(self, offset: int) -> None:
        """The broker knows."""
        self._committed = offset
