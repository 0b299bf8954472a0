"""What a check of existing documents found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from docstore.schema.checking.rules import Rule

_RULES_KEPT: Final = 1_000
_TYPES_KEPT: Final = 8


@dataclass(frozen=True)
class CheckProgress:
    """How far the check of a collection is: `done` of about `total` documents, `failing` of them so far.

    `total` is None where the server would take long to count them.
    """

    collection: str
    done: int
    total: int | None
    failing: int


@dataclass
class BrokenRule:
    """A rule that documents break: how many do, the types found in the place, and some of their ids."""

    rule: Rule
    count: int = 0
    found: dict[str, int] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """The rule as plain JSON."""
        return {
            "field": self.rule.field,
            "keyword": self.rule.keyword,
            "expected": self.rule.expected,
            "count": self.count,
            "found": self.found,
            "samples": self.samples,
        }


@dataclass
class CollectionCheck:
    """A collection's documents that were looked at, how many of them fail, and the rules they break."""

    collection: str
    documents: int = 0
    failing: int = 0
    rules: dict[Rule, BrokenRule] = field(default_factory=dict)
    seconds: float = 0.0

    def note(self, identity: object, problems: Iterable[tuple[Rule, str]], samples: int) -> None:
        """Count a failing document; a rule is counted once for each."""
        self.failing += 1
        seen: Mapping[Rule, str] = dict(problems)
        for rule, found in seen.items():
            if rule not in self.rules and len(self.rules) >= _RULES_KEPT:
                continue
            broken = self.rules.setdefault(rule, BrokenRule(rule))
            broken.count += 1
            if found in broken.found or len(broken.found) < _TYPES_KEPT:
                broken.found[found] = broken.found.get(found, 0) + 1
            if len(broken.samples) < samples:
                broken.samples.append(str(identity))

    @property
    def worst(self) -> list[BrokenRule]:
        """The broken rules, those that most documents break first."""
        return sorted(self.rules.values(), key=lambda each: (-each.count, each.rule.field))

    def described(self) -> dict[str, Any]:
        """The check as plain JSON."""
        return {
            "collection": self.collection,
            "documents": self.documents,
            "failing": self.failing,
            "rules": [each.described() for each in self.worst],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class CheckReport:
    """What was found, collection by collection."""

    collections: tuple[CollectionCheck, ...]
    seconds: float = 0.0

    @property
    def documents(self) -> int:
        """How many documents were looked at."""
        return sum(each.documents for each in self.collections)

    @property
    def failing(self) -> int:
        """How many of them the validators would refuse."""
        return sum(each.failing for each in self.collections)
