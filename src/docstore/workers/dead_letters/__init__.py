"""Messages that could not be handled, kept for a person to look at instead of blocking those behind them.

Owns their rows, the events that tell of them, and what operators do: look, try again, pass over.
"""

from docstore.workers.dead_letters.keeping import keep_dead_letter
from docstore.workers.dead_letters.letters import KEEP_SETTLED, DeadLetter, DeadLettered, DeadLetterOutcome
from docstore.workers.dead_letters.operating import (
    DeadLettersStatus,
    RetriedLetters,
    WaitingLetter,
    dead_letters_metrics,
    dead_letters_status,
    retry_dead_letters,
    skip_dead_letters,
)

__all__ = [
    "KEEP_SETTLED",
    "DeadLetter",
    "DeadLetterOutcome",
    "DeadLettered",
    "DeadLettersStatus",
    "RetriedLetters",
    "WaitingLetter",
    "dead_letters_metrics",
    "dead_letters_status",
    "keep_dead_letter",
    "retry_dead_letters",
    "skip_dead_letters",
]
