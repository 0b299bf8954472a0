"""Full text: which records hold the words of a query, and how well.

Every query word must be found (unless it is optional); the last one may be the beginning of a word.
Owns the match alone; the order of what matched is `ranking`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from docstore.embedded.algolia.conditions import unwrap
from docstore.embedded.algolia.text import tokenize, words
from docstore.embedded.algolia.values import Record, facet_text, scalars

# Algolia caps the distance at eight as well: farther apart is all the same.
_MAX_DISTANCE = 8


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a query: itself, what stands for it, and whether a beginning is enough."""

    text: str
    prefix: bool = False
    optional: bool = False
    alternatives: frozenset[str] = frozenset()

    def matches(self, candidate: str) -> bool:
        """Whether a folded word of a record answers this one."""
        if candidate == self.text or candidate in self.alternatives:
            return True
        return self.prefix and candidate.startswith(self.text)

    def exact(self, candidate: str) -> bool:
        """Whether the candidate is the whole word or one of its synonyms."""
        return candidate == self.text or candidate in self.alternatives


@dataclass(frozen=True, slots=True)
class Field:
    """The words of one searchable attribute. `rank` is its place in ``searchableAttributes``."""

    rank: int
    ordered: bool
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """How a record answers a query; the numbers feed the ranking criteria."""

    matched: int = 0
    proximity: int = 0
    attribute: tuple[int, int] = (0, 0)
    exact: int = 0


Attributes = Sequence[tuple[int, bool, str]]
"""(rank, ordered, attribute) of every searchable attribute."""


@dataclass
class FieldCache:
    """The cut-up records of one index, kept until the record or the searchable attributes are replaced."""

    _entries: dict[str, tuple[Record, tuple[Field, ...]]] = field(default_factory=dict)
    _attributes: Attributes | None = None

    def fields(self, record: Record, attributes: Attributes | None) -> tuple[Field, ...]:
        """The record's searchable fields; `attributes` is what `searchable` returned."""
        if attributes != self._attributes:
            self._entries.clear()
            self._attributes = attributes
        key = record["objectID"]
        entry = self._entries.get(key)
        # A write puts a new record object, so identity says whether the cut-up words are still right.
        if entry is not None and entry[0] is record:
            return entry[1]
        cut = tuple(_cut(record, attributes))
        self._entries[key] = (record, cut)
        return cut


def searchable(settings: Mapping[str, Any]) -> list[tuple[int, bool, str]] | None:
    """``searchableAttributes`` as (rank, ordered, attribute); None when every attribute is searchable."""
    declared = settings.get("searchableAttributes")
    if not declared:
        return None
    out: list[tuple[int, bool, str]] = []
    for rank, entry in enumerate(declared):
        modifier, attributes = unwrap(str(entry))
        # "a,b" puts both on one rank; positions inside such a group never count, as on Algolia.
        names = [name.strip() for name in attributes.split(",")]
        out.extend((rank, modifier != "unordered" and len(names) == 1, name) for name in names)
    return out


def query_words(params: Mapping[str, Any], synonyms: Mapping[str, frozenset[str]]) -> list[Word]:
    """The words of ``query`` under ``queryType``, ``optionalWords`` and the index's synonyms."""
    texts = words(str(params.get("query") or ""))
    query_type = params.get("queryType") or "prefixLast"
    given = params.get("optionalWords") or ()
    optional = {w for text in ([given] if isinstance(given, str) else given) for w in words(str(text))}
    return [
        Word(
            text,
            prefix=query_type == "prefixAll" or (query_type == "prefixLast" and at == len(texts) - 1),
            optional=text in optional,
            alternatives=synonyms.get(text, frozenset()),
        )
        for at, text in enumerate(texts)
    ]


def match(fields: Sequence[Field], query: Sequence[Word]) -> Match | None:
    """How the fields answer the query, or None when a required word is missing."""
    if not query:
        return Match()
    found: list[list[tuple[int, int, int]]] = []
    matched = exact = 0
    for word in query:
        places = [
            (f.rank, at if f.ordered else 0, at) for f in fields for at, t in enumerate(f.tokens) if word.matches(t)
        ]
        if not places:
            if not word.optional:
                return None
            continue
        matched += 1
        exact += any(word.exact(token) for f in fields for token in f.tokens)
        found.append(places)
    if not found:
        return None
    best = min(place[:2] for places in found for place in places)
    return Match(matched=matched, proximity=_proximity(found), attribute=best, exact=exact)


def _proximity(found: Sequence[Sequence[tuple[int, int, int]]]) -> int:
    return sum(
        min(_distance(a[2], b[2]) if a[0] == b[0] else _MAX_DISTANCE for a in left for b in right)
        for left, right in pairwise(found)
    )


def _distance(left: int, right: int) -> int:
    # Words in the wrong order are one step farther apart.
    gap = right - left if right > left else left - right + 1
    return min(gap, _MAX_DISTANCE)


def _cut(record: Record, attributes: Attributes | None) -> list[Field]:
    if attributes is None:
        attributes = [(0, True, name) for name in record if name not in ("objectID", "_tags")]
    out: list[Field] = []
    for rank, ordered, path in attributes:
        tokens = [t.folded for value in _texts(record, path) for t in tokenize(value)]
        if tokens:
            out.append(Field(rank, ordered, tuple(tokens)))
    return out


def _texts(record: Record, path: str) -> list[str]:
    direct = record.get(path)
    if isinstance(direct, dict):
        return [text for key in direct for text in _texts(direct, key)]
    if isinstance(direct, list) and any(isinstance(item, dict) for item in direct):
        return [text for item in direct for text in _texts({path: item}, path)]
    return [facet_text(value) for value in scalars(record, path) if not isinstance(value, bool)]
