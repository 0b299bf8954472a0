"""What a write aims at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docstore.documents.guard.filters import conjunction


@dataclass(frozen=True, slots=True)
class Target:
    """What a write aims at: the caller's filter, and the same narrowed to the documents in scope."""

    wanted: Mapping[str, Any]
    narrowed: Mapping[str, Any]

    def only(self, ids: Sequence[Any]) -> "Target":
        """The same aim at these ids alone; unchanged where there are none, so that an upsert still can insert."""
        if len(ids) == 1 and self.narrowed.get("_id") == ids[0]:
            return self  # it names the one already, and a simpler filter is understood by more servers
        return Target(self.wanted, conjunction(self.narrowed, {"_id": {"$in": list(ids)}})) if ids else self
