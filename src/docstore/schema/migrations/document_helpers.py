"""What the helpers for documents have in common."""

from __future__ import annotations

from docstore.schema.migrations.document_steps import DocumentStep
from docstore.schema.migrations.field_changes import tolerant
from docstore.schema.migrations.steps import StepRunner


class DocumentHelpers:
    """What a migration can do to documents; see `Migration`."""

    _steps: StepRunner

    @property
    def _up(self) -> bool:
        return self._steps.direction == "up"

    async def _undo_all(self, label: str, key: str, collection: str) -> None:
        way = "undo" if not self._up else "redo"
        await self._steps.flips(label, key, collection, way=way, again=False)

    async def _invertible(self, step: DocumentStep, key: str, inverse: str | None) -> None:
        """A step whose inverse is a step of the same kind: what that cannot lead back to is kept."""
        if self._up:
            await self._steps.documents(step, key=key)
            return
        await self._steps.documents(step, inverse=inverse)
        await self._steps.flips(
            f"{step.label} (what was different)",
            key,
            step.collection,
            way="undo",
            backward=tolerant(step.change) if step.change is not None else None,
            again=False,
            inverse=inverse,
        )
