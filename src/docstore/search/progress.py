"""How far a long piece of work is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long piece of work is: the index, what is being done, how many documents of how many."""

    index: str
    stage: str
    done: int
    total: int


OnProgress = Callable[[Progress], None]
