"""Queries that cost too much: those that lack an index, scan, sort in memory, or fetch more than is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from docstore.operations.advice.declaring import declaration
from docstore.operations.advice.facts import CollectionFacts, IndexFacts
from docstore.operations.advice.findings import Advice, Evidence, Kind
from docstore.operations.advice.needs import Need, fit, ideal_keys, needs_of
from docstore.operations.advice.workload import ShapeUse
from docstore.operations.querylog import Plan

_FEW_READ: Final = 100
"""Documents that a query may read without anybody noticing."""
_TOO_MANY_EACH: Final = 10
"""Documents read for each one found."""
_MUCH_OF_IT: Final = 0.3
_MANY_RETURNED: Final = 1_000
_DEEP: Final = 1_000
_LARGE_BYTES: Final = 8_192
_SEVERAL: Final = 20


@dataclass
class Judged:
    """A query with its plan, and what its collection has for it."""

    use: ShapeUse
    plan: Plan | None
    facts: CollectionFacts
    needs: list[Need] = field(default_factory=list)

    @property
    def evidence(self) -> Evidence:
        """What the log and the server say of it."""
        plan = self.plan
        return Evidence(
            count=round(self.use.count, 1),
            total_ms=round(self.use.total_ms, 1),
            p95_ms=round(self.use.p95_ms, 2),
            examined=plan.examined if plan else None,
            returned=plan.returned if plan else None,
            plan=plan.summary if plan else "",
            shapes=(self.use.shape.text,),
        )

    def best(self, indexes: Sequence[IndexFacts], need: Need) -> IndexFacts | None:
        """The index that does most for a need, if any helps."""
        fits = [(each.fits(need, living=self.use.shape.living), each) for each in indexes]
        helping = [(found.sorts, len(found.equality), found.bounds, each) for found, each in fits if found.helps]
        return max(helping, key=lambda each: each[:3])[3] if helping else None

    def is_served(self, indexes: Sequence[IndexFacts], need: Need) -> bool:
        """Whether an index meets the need, or comes so close that few documents are read in vain."""
        if "_id" in need.equality:
            return True
        for index in indexes:
            found = index.fits(need, living=self.use.shape.living)
            if found.meets(need):
                return True
            if found.helps and found.sorts and self.reads(need, found.equality) <= _FEW_READ:
                return True
        return False

    def reads(self, need: Need, equality: Sequence[str]) -> float:
        """How many documents are read when an index looks these equalities up, as a sample tells."""
        read = float(self.facts.documents)
        for name in equality:
            read *= self.facts.share(name, null=name in need.nulls)
        return read


@dataclass
class _Suggestion:
    keys: tuple[tuple[str, int], ...]
    needs: list[Need]
    by: list[Judged]


def judge_queries(facts: CollectionFacts, judged: Sequence[Judged], *, least: int) -> Iterator[Advice]:
    """All that is to be said of a collection's queries.

    Args:
        facts: of the collection, with its sample.
        judged: its queries.
        least: a collection of fewer documents needs no index.
    """
    suggestions: list[_Suggestion] = []
    explained: list[Judged] = []
    for each in judged:
        yield from _overfetching(each)
        if facts.documents < least:
            continue
        lacking = [need for need in each.needs if not each.is_served(facts.built, need)]
        if lacking and _is_costly(each):
            waiting = [index for index in facts.indexes if not index.built]
            if all(each.is_served(waiting, need) for need in lacking):
                yield _not_built(each, waiting, lacking)
            elif _worth_an_index(each, lacking):
                suggestions += [_Suggestion(_keys(facts, need), [need], [each]) for need in lacking]
            else:
                explained.append(each)
        elif not each.needs:
            explained.append(each)
    merged = _merged(suggestions)
    for suggestion in merged:
        yield _missing(facts, suggestion)
    for each in explained:
        yield from _unavoidable(each)


def _is_costly(judged: Judged) -> bool:
    plan = judged.plan
    if plan is None or plan.examined is None:
        return True
    wasted = plan.examined >= _FEW_READ and plan.examined > _TOO_MANY_EACH * max(1, plan.returned or 0)
    unsorted = plan.sorts and (plan.returned or 0) + plan.examined >= _FEW_READ
    early = judged.use.shape.limited and plan.examined >= _FEW_READ
    return wasted or unsorted or early or plan.scans


def _worth_an_index(judged: Judged, lacking: Sequence[Need]) -> bool:
    """Whether an index would leave much unread: not for a condition that most documents meet."""
    shape, plan = judged.use.shape, judged.plan
    if any(need.ordering for need in lacking) and shape.limited:
        return True
    if not any(need.equality or need.ranges for need in lacking):
        return False
    most = _MUCH_OF_IT * judged.facts.documents
    if any(not need.ranges and judged.reads(need, sorted(need.equality)) > most for need in lacking):
        return False
    return shape.limited or plan is None or plan.returned is None or plan.returned <= most


def _keys(facts: CollectionFacts, need: Need) -> tuple[tuple[str, int], ...]:
    return ideal_keys(need, {name: facts.distinct(name) for name in need.equality}, facts.documents)


def _merged(suggestions: Sequence[_Suggestion]) -> list[_Suggestion]:
    """Fewer indexes for the same needs: the longest first, and those it serves with it."""
    kept: list[_Suggestion] = []
    for each in sorted(suggestions, key=lambda one: -len(one.keys)):
        better = next((one for one in kept if _serves(one.keys, each)), None)
        if better is None:
            kept.append(each)
        else:
            better.needs += each.needs
            better.by += [one for one in each.by if one not in better.by]
    return kept


def _serves(keys: tuple[tuple[str, int], ...], other: _Suggestion) -> bool:
    wanted = {name for name, _ in other.keys}
    for need in other.needs:
        found = fit(keys, need)
        if not (found.helps and found.sorts and {*found.equality} >= wanted & need.equality):
            return False
        if need.ranges and not need.ordering and not found.bounds:
            return False
    return True


def _missing(facts: CollectionFacts, suggestion: _Suggestion) -> Advice:
    evidence = _summed(suggestion.by)
    first = suggestion.by[0]
    read = (
        f"{evidence.examined:,} documents are read to find {evidence.returned:,}"
        if evidence.examined
        else "no index fits"
    )
    replaced = [
        index.name
        for index in facts.built
        if not index.works and not index.partial and index.keys == suggestion.keys[: len(index.keys)]
    ]
    reason = read + (", and sorted in memory" if first.plan and first.plan.sorts else "")
    if replaced:
        reason += f"; it begins with the keys of {' and '.join(replaced)}, which it replaces"
    return Advice(
        Kind.MISSING,
        facts.name,
        reason,
        declaration(facts.model, facts.name, suggestion.keys, suggestion.needs),
        keys=suggestion.keys,
        evidence=evidence,
        shapes=tuple(each.use.shape for each in suggestion.by),
    )


def _not_built(judged: Judged, waiting: Sequence[IndexFacts], lacking: Sequence[Need]) -> Advice:
    index = judged.best(waiting, lacking[0])
    name = index.name if index else ""
    reason = "a model declares an index for it, which the server does not have"
    return Advice(
        Kind.NOT_BUILT, judged.facts.name, reason, "`docstore indexes sync` builds it", name, evidence=judged.evidence
    )


def _unavoidable(judged: Judged) -> Iterator[Advice]:
    """Scans and sorts that no index would mend, with what would."""
    shape, plan = judged.use.shape, judged.plan
    if plan is None or (plan.examined or 0) < _FEW_READ:
        return
    if plan.sorts and shape.sort and judged.needs:
        reason = f"{plan.returned or 0:,} documents are sorted in memory, as no index has this order"
        yield Advice(
            Kind.SORT, shape.collection, reason, "limit it, page through it, or sort where it is used",
            evidence=judged.evidence,
        )  # fmt: skip
    elif plan.scans and shape.filter and shape.operation != "insert":
        part = (plan.returned or 0) / judged.facts.documents if judged.facts.documents else 0
        if judged.needs and shape.limited:
            return  # it stops as soon as it has enough, which comes early
        if judged.needs and part > _MUCH_OF_IT:
            reason = f"the whole collection is read, and {part:.0%} of it found: an index would not help"
            remedy = "ask for less: a narrower condition, a limit, or a page"
        else:
            reason = f"all {plan.examined:,} documents are read, by a condition that no index can look up"
            remedy = "compare for equality, a range or an anchored pattern, or use a search index"
        yield Advice(Kind.SCAN, shape.collection, reason, remedy, evidence=judged.evidence)


def _overfetching(judged: Judged) -> Iterator[Advice]:
    shape, use, plan = judged.use.shape, judged.use, judged.plan
    if shape.operation != "find":
        return
    found = plan.returned if plan and plan.returned is not None else 0
    if not shape.limited and found >= _MANY_RETURNED:
        reason = f"{found:,} documents are fetched at once, without a limit"
        remedy = "give it a limit, page(limit=…), or stream() when all are wanted"
        yield Advice(Kind.OVERFETCH, shape.collection, reason, remedy, evidence=judged.evidence)
    if use.skip >= _DEEP:
        reason = f"up to {use.skip:,} documents are read only to be skipped"
        remedy = "page with a cursor: page(limit=…, after=page.next_cursor)"
        yield Advice(Kind.OVERFETCH, shape.collection, reason, remedy, evidence=judged.evidence)
    large = judged.facts.mean_bytes >= _LARGE_BYTES
    if large and not shape.projected and use.mean_returned >= _SEVERAL:
        reason = f"{use.mean_returned:,.0f} whole documents of {judged.facts.mean_bytes / 1024:,.0f} KB each"
        remedy = "fetch the fields that are used: project(…) or values(…)"
        yield Advice(Kind.OVERFETCH, shape.collection, reason, remedy, evidence=judged.evidence)


def _summed(judged: Sequence[Judged]) -> Evidence:
    worst = max((each.evidence for each in judged), key=lambda each: each.examined or 0)
    return replace(
        worst,
        count=round(sum(each.use.count for each in judged), 1),
        total_ms=round(sum(each.use.total_ms for each in judged), 1),
        p95_ms=max(each.evidence.p95_ms for each in judged),
        shapes=tuple(dict.fromkeys(each.use.shape.text for each in judged)),
    )


def judged_of(use: ShapeUse, plan: Plan | None, facts: CollectionFacts) -> Judged:
    """A query, ready to be judged."""
    return Judged(use, plan, facts, needs_of(use.shape))
