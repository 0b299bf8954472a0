"""What a migration had begun on its way there, when it is taken back from half-way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from docstore.schema.migrations.entries import StepRecord


@dataclass(frozen=True)
class WayThere:
    """The steps up() had begun; None when it had come to its end."""

    begun: tuple[StepRecord, ...] | None

    def never_came_to(self, label: str | None) -> bool:
        """Whether a step back has nothing to take back, because the way there never came to it."""
        if self.begun is None or label is None:
            return False
        found = self._find(label)
        return found is None or (not found.done and found.total > 0 and found.after is None and found.documents == 0)

    def bound(self, label: str | None) -> tuple[Any, ...]:
        """How far the step that is taken back had come, when it had not come to its end."""
        found = self._find(label)
        return () if found is None or found.done else (found.after,)

    def _find(self, label: str | None) -> StepRecord | None:
        for each in self.begun or ():
            if label is not None and (each.label == label or each.label.startswith(f"{label} (")):
                return each
        return None
