"""Titles and paragraphs put together from parts: readable, searchable, never the same twice in a row."""

from __future__ import annotations

import re
from random import Random
from typing import Final

TOPICS: Final[dict[str, str]] = {
    "mongodb": "Documents, indexes and how to model data with them",
    "python": "The language, its libraries and its tools",
    "async": "Doing many things while waiting for few",
    "kafka": "Messages, partitions and what order costs",
    "search": "Finding the right thing with half the letters",
    "caching": "Remembering answers, and forgetting them in time",
    "testing": "Knowing that it works, and that it still does",
    "observability": "Seeing what a system does while it does it",
    "security": "Keeping secrets, and proving who is who",
    "performance": "Measuring first, then making it fast",
    "architecture": "Where things go, and what may know what",
    "apis": "Contracts between programs and the people who write them",
    "data-modelling": "Shapes of data that survive the second year",
    "migrations": "Changing the shape while everybody keeps working",
    "backups": "Copies that have been restored at least once",
    "newsletters": "Writing to people who asked for it",
    "writing": "Sentences that readers finish",
    "creators": "People who make things for an audience",
    "video": "Cameras, codecs and the patience for both",
    "community": "Rooms in which strangers are kind to each other",
    "careers": "Getting better at it, and being paid for it",
    "open-source": "Software that belongs to everyone who mends it",
    "tooling": "Small programs that save long afternoons",
    "postmortems": "What went wrong, told without blame",
}
"""Tags by slug, with their descriptions."""

_TITLES: Final = (
    "What {a} taught us about {b}",
    "A field guide to {a}",
    "{A} and {b}: where they meet",
    "The quiet cost of {a}",
    "How we moved {a} without stopping {b}",
    "Seven questions about {a}",
    "{A}, one year later",
    "Before you reach for {a}",
    "Notes on {a} from a small team",
    "Why {a} deserves a second look",
)
_OPENINGS: Final = (
    "Most teams meet {a} on a Friday, when something that worked for months stops doing so.",
    "There is a version of {a} that fits on one page, and this is an attempt to write it down.",
    "We had put off {a} for three releases, and then a customer asked the right question.",
    "Nobody plans to become the person who knows about {a}; it happens one incident at a time.",
    "When people ask where to begin with {a}, the answer is nearly always: with a list of what you already have.",
)
_MIDDLES: Final = (
    "The first measurement surprised everybody: the slow part was not {a} at all, but what we did around it.",
    "It helps to name the invariant in one sentence and to let {b} enforce it, so that no review has to.",
    "A good default carries a new colleague further than a good document, and {a} has few good defaults.",
    "We kept the old path running beside the new one for two weeks and compared their answers every night.",
    "The trade is simple to state: {a} buys you time in the common case and takes it back in the rare one.",
    "What looks like a question of {b} is often a question of ownership: who is told when it breaks?",
    "Small batches made the difference; a retry of fifty is cheap, a retry of fifty thousand is an incident.",
    "The numbers below come from one machine and one afternoon, so read the ratios and not the seconds.",
    "Half of the work was deleting things: a flag nobody set, a copy nobody read, a job nobody missed.",
)
_ENDINGS: Final = (
    "If you take one thing along, let it be this: write down why, because the code already says what.",
    "Next month we will look at {b}, which is where the remaining surprises live.",
    "None of this is new, and that is the good news about {a}: others have paid for the lessons already.",
    "We would make the same choice again, only sooner and with better tests.",
)


def readable(topic: str) -> str:
    """A topic's slug as words."""
    return topic.replace("-", " ")


def title(rng: Random, topics: list[str]) -> str:
    """A headline about one or two topics."""
    a, b = _pair(topics)
    return rng.choice(_TITLES).format(a=a, b=b, A=a[:1].upper() + a[1:])


def paragraph(rng: Random, topics: list[str], sentences: int = 4) -> str:
    """Some sentences about the topics."""
    a, b = _pair(topics)
    return " ".join(line.format(a=a, b=b) for line in rng.sample(_MIDDLES, min(sentences, len(_MIDDLES))))


def article(rng: Random, topics: list[str]) -> str:
    """A text in Markdown: an opening, a section on each topic, an ending."""
    a, b = _pair(topics)
    opening, ending = rng.choice(_OPENINGS), rng.choice(_ENDINGS)
    middle = (f"## On {readable(topic)}\n\n{paragraph(rng, topics)}" for topic in topics)
    return "\n\n".join([opening.format(a=a, b=b), *middle, ending.format(a=a, b=b)])


def slug(text: str) -> str:
    """Text as the readable part of an address."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _pair(topics: list[str]) -> tuple[str, str]:
    return readable(topics[0]), readable(topics[min(1, len(topics) - 1)])
