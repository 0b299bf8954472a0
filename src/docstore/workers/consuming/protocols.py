"""What is used of a broker's consumer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Consumer(Protocol):
    """What is used of a started driver's consumer (aiokafka's)."""

    async def getmany(self, *partitions: Any, timeout_ms: int, max_records: int | None) -> Mapping[Any, Sequence[Any]]:
        """Records by partition, as soon as there are any; of partitions that are not paused."""
        ...

    async def commit(self, offsets: Mapping[Any, int]) -> None:
        """Remember the next offset of partitions."""
        ...

    def pause(self, *partitions: Any) -> None:
        """Fetch nothing of these partitions for now; the group still counts on this member."""
        ...

    def resume(self, *partitions: Any) -> None:
        """Fetch them again."""
        ...
