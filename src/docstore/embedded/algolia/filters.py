"""Algolia's filter language: from text to a small tree.

    filters     := expression
    expression  := disjunction ("AND" disjunction)*      OR binds tighter than AND, as on Algolia
    disjunction := group ("OR" group)*
    group       := "(" expression ")" | "NOT"? condition
    condition   := attribute ":" value ["<score=" n ">"] | attribute ":" number "TO" number
                 | attribute ("<" | "<=" | "=" | "!=" | ">" | ">=") number | tag

As on Algolia only a conjunction of disjunctions is accepted, NOT stands before a condition and never before a
group, and the conditions joined by one OR are all facets, all numbers or all tags.
Owns the grammar alone: what a condition means for a record is in `conditions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEYWORDS = ("AND", "OR", "NOT", "TO")
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"(?:\\.|[^\s()\"':<>=!\\])+")
_VALUE = re.compile(r"(?:\\.|[^\s()\"'<\\])+")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
_OPERATOR = re.compile(r"<=|>=|!=|<(?!score=)|=|>")
_SCORE = re.compile(r"<score=(\d+)>")


class FilterSyntaxError(ValueError):
    """The text is no filter; says what was expected and at which column."""


@dataclass(frozen=True, slots=True)
class Facet:
    """``attribute:value``; `score` weighs the condition and never excludes anything."""

    attribute: str
    value: str
    score: int = 1


@dataclass(frozen=True, slots=True)
class Tag:
    """A bare word: one of the record's ``_tags``."""

    value: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """``attribute >= number``; `operator` is one of < <= = != > >=."""

    attribute: str
    operator: str
    number: float


@dataclass(frozen=True, slots=True)
class Between:
    """``attribute:low TO high``, both ends included."""

    attribute: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Not:
    """Everything the condition does not match."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts."""

    parts: tuple[Node, ...]


Condition = Facet | Tag | Comparison | Between
Node = Condition | Not | Or | And


def parse_filters(text: str) -> Node | None:
    """Parse a ``filters`` string; None when it is blank.

    Raises:
        FilterSyntaxError: the text is no filter, or one that Algolia refuses.
    """
    if not text.strip():
        return None
    return _Parser(text).whole()


def parse_numeric(text: str) -> Comparison | Between:
    """Parse one entry of ``numericFilters`` such as ``price>10`` or ``price:1 TO 5``.

    Raises:
        FilterSyntaxError: the text is no numeric condition.
    """
    node = _Parser(text).whole()
    if isinstance(node, Comparison | Between):
        return node
    if isinstance(node, Facet) and _NUMBER.fullmatch(node.value):
        return Comparison(node.attribute, "=", float(node.value))
    raise FilterSyntaxError("a numeric condition such as price>=10 or price:1 TO 5 was expected")


def all_of(parts: list[Node]) -> Node | None:
    """The parts joined by AND: flat, None for none, the part itself for one."""
    flat = _flat(And, parts)
    return None if not flat else flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: list[Node]) -> Node:
    """The parts joined by OR, under Algolia's rules for an OR.

    Raises:
        FilterSyntaxError: a part is a conjunction, or the parts are of different kinds.
    """
    flat = _flat(Or, parts)
    if len(flat) == 1:
        return flat[0]
    if any(isinstance(part, And) for part in flat):
        raise FilterSyntaxError("filter (X AND Y) OR Z is not allowed, only (X OR Y) AND Z is allowed")
    if len({_kind(part) for part in flat}) > 1:
        raise FilterSyntaxError("Different types are not allowed in the same OR.")
    return Or(tuple(flat))


def _flat(kind: type[And | Or], parts: list[Node]) -> list[Node]:
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, And | Or) and isinstance(part, kind) else (part,))
    return flat


def _kind(node: Node) -> str:
    condition = node.condition if isinstance(node, Not) else node
    if isinstance(condition, Facet):
        return "facet"
    return "tag" if isinstance(condition, Tag) else "number"


class _Parser:
    """Recursive descent over the text; `_at` is the only state."""

    # Deeper nesting than any person writes, yet far from the interpreter's recursion limit.
    _MAX_DEPTH = 50

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression()
        self._skip()
        if self._at < len(self._text):
            raise self._error("AND, OR or the end")
        return node

    def _expression(self) -> Node:
        parts = [self._disjunction()]
        while self._keyword("AND"):
            parts.append(self._disjunction())
        joined = all_of(parts)
        assert joined is not None
        return joined

    def _disjunction(self) -> Node:
        alternatives = [self._group()]
        while self._keyword("OR"):
            alternatives.append(self._group())
        return any_of(alternatives)

    def _group(self) -> Node:
        if self._keyword("NOT"):
            if self._peek("("):
                raise self._error("a condition after NOT, which cannot stand before a group")
            return Not(self._condition())
        if not self._take("("):
            return self._condition()
        self._depth += 1
        if self._depth > self._MAX_DEPTH:
            raise self._error("fewer nested parentheses")
        node = self._expression()
        if not self._take(")"):
            raise self._error("a closing parenthesis")
        self._depth -= 1
        return node

    def _condition(self) -> Condition:
        attribute = self._word(_NAME, "an attribute")
        operator = self._match(_OPERATOR)
        if operator is not None:
            return Comparison(attribute, operator, self._number())
        if not self._take(":"):
            return Tag(attribute)
        self._skip()
        start = self._at
        low = self._match(_NUMBER)
        if low is not None and self._keyword("TO"):
            return Between(attribute, float(low), self._number())
        self._at = start
        value = self._word(_VALUE, "a value")
        score = _SCORE.match(self._text, self._at)
        if score is None:
            return Tag(value) if attribute == "_tags" else Facet(attribute, value)
        self._at = score.end()
        return Tag(value) if attribute == "_tags" else Facet(attribute, value, int(score.group(1)))

    def _word(self, bare: re.Pattern[str], what: str) -> str:
        self._skip()
        if self._at < len(self._text) and self._text[self._at] in "\"'":
            return self._quoted(self._text[self._at])
        start = self._at
        found = self._match(bare)
        if found is None or found in _KEYWORDS:
            self._at = start
            raise self._error(what)
        return re.sub(r"\\(.)", r"\1", found, flags=re.DOTALL)

    def _quoted(self, quote: str) -> str:
        out: list[str] = []
        at = self._at + 1
        while at < len(self._text):
            char = self._text[at]
            if char == quote:
                self._at = at + 1
                return "".join(out)
            if char == "\\" and at + 1 < len(self._text):
                at += 1
                char = self._text[at]
            out.append(char)
            at += 1
        raise self._error(f"a closing {quote}")

    def _number(self) -> float:
        found = self._match(_NUMBER)
        if found is None:
            raise self._error("a number")
        return float(found)

    def _keyword(self, word: str) -> bool:
        self._skip()
        end = self._at + len(word)
        follows = self._text[end : end + 1]
        if self._text[self._at : end] != word or not (follows == "" or follows.isspace() or follows in "()\"'"):
            return False
        self._at = end
        return True

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        self._skip()
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found.group()

    def _take(self, char: str) -> bool:
        if not self._peek(char):
            return False
        self._at += 1
        return True

    def _peek(self, char: str) -> bool:
        self._skip()
        return self._text.startswith(char, self._at)

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        self._at = space.end()

    def _error(self, expected: str) -> FilterSyntaxError:
        found = self._text[self._at : self._at + 12] or "the end"
        return FilterSyntaxError(f"Unexpected {found!r}, expected {expected} at col {self._at + 1}")
