"""What is to happen to the documents of a collection, and the values that stand in its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from docstore.schema.migrations.values import Row

Change = Callable[[Row], None]
OnError = Literal["stop", "skip", "null"]

_NAMED: Final = 20


class Unconvertible(ValueError):
    """A value cannot be changed as asked; the text says why, without the value."""


@dataclass(frozen=True)
class DocumentStep:
    """What is to happen to the documents of a collection.

    Args:
        label: says it in words; the same in every run.
        collection: its name.
        where: the documents that need it; none of them any more once it is done.
        fields: the top-level fields it looks at; all when empty.
        change: changes a document in place, as a plain function.
        stages: pipeline stages that change it on the server, instead of `change`.
        update: an update that does the same as `change`, where nothing is kept.
        keep: which earlier states are kept: of every changed document, or of those that `backward` cannot lead back to.
        backward: undoes `change` as far as it goes.
        on_error: what becomes of values that cannot be converted.
        nullify: puts null for them, with on_error="null".
        fills: the top-level field that it gives a value where there is none or null, whatever else a document has,
            and the value.
    """

    label: str
    collection: str
    where: Mapping[str, Any]
    fields: tuple[str, ...] = ()
    change: Change | None = None
    stages: Sequence[Mapping[str, Any]] = ()
    update: Mapping[str, Any] | None = None
    keep: Literal["changed", "inexact"] | None = None
    backward: Change | None = None
    on_error: OnError = "stop"
    nullify: Change | None = None
    fills: tuple[str, Any] | None = None


@dataclass
class Problems:
    """Documents with values that could not be converted: how many, and the ids of some."""

    count: int = 0
    ids: list[str] = field(default_factory=list)
    reason: str = ""

    def add(self, id_: Any, error: Exception) -> None:
        """Count one."""
        self.count += 1
        self.reason = self.reason or str(error)
        if len(self.ids) < _NAMED:
            self.ids.append(str(id_))

    def notes(self) -> dict[str, Any]:
        """For the journal."""
        return {"unconvertible": self.count, "ids": self.ids, "reason": self.reason} if self.count else {}
