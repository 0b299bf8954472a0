"""Whether each index is worth what it costs: redundant, unused, missing and unusable ones, each with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pymongo.errors import OperationFailure

from docstore.documents import StoredDocument, references_of, translated, utc_now
from docstore.schema.collections import Database
from docstore.schema.indexes.covering import covers, unproven
from docstore.schema.indexes.declarations import declarations
from docstore.schema.indexes.plan import IndexAction, IndexStep, keys_told
from docstore.schema.indexes.reading import index_plan
from docstore.schema.specs import IndexSpec, by_collection

_MANY: Final = 12
_LONG_ENOUGH: Final = timedelta(days=7)


class Verdict(StrEnum):
    """What is the matter with an index."""

    REDUNDANT = "redundant"
    UNUSED = "unused"
    REFERENCE = "reference without index"
    UNUSABLE = "unusable for look-ups"
    MANY = "too many"
    PURPOSE = "without purpose"


@dataclass(frozen=True)
class IndexFinding:
    """Something about an index, or about a collection that lacks one.

    Args:
        collection: its name.
        index: the index's name; empty for a missing one.
        verdict: what is the matter.
        reason: why.
        advice: the declaration to change, and how.
    """

    collection: str
    index: str
    verdict: Verdict
    reason: str
    advice: str


@dataclass(frozen=True)
class IndexAudit:
    """What an audit found, and what it could not tell."""

    findings: tuple[IndexFinding, ...]
    notes: tuple[str, ...] = ()
    indexes: int = 0


async def audit_indexes(database: Database, models: Sequence[type[Any]]) -> IndexAudit:
    """Judge the indexes that the models declare and those that the server has.

    Uses are counted by the server that is asked, since it started; those of other members of a replica set are not in
    it. Nothing is called unused before it was counted for a week.

    Args:
        database: the raw database.
        models: document classes, bound or not.

    Raises:
        ServerUnavailable, ServiceError: as `index_plan`.
    """
    plan = await index_plan(database, models)
    steps: dict[str, list[IndexStep]] = defaultdict(list)
    for step in plan.of(*(action for action in IndexAction if action is not IndexAction.DROP)):
        steps[step.collection].append(step)
    findings: list[IndexFinding] = []
    notes: list[str] = []
    for name, sharing in by_collection(models).items():
        told = declarations(sharing)
        standing = [step.spec for step in steps[name]]
        findings += _redundant(name, standing, told)
        findings += _references(name, sharing, steps[name])
        findings += _unusable(name, sharing, standing, told)
        findings += _purposeless(name, standing, told)
        if len(standing) > _MANY:
            findings.append(_many(name, len(standing)))
        if name in plan.missing:
            continue
        uses = await _uses(database, name)
        if uses is None:
            notes.append(f"{name}: the server does not tell which indexes are used.")
        else:
            findings += _unused(name, steps[name], told, uses)
    return IndexAudit(tuple(findings), _merged(notes, len(steps)), sum(map(len, steps.values())))


def _redundant(name: str, standing: Sequence[IndexSpec], told: Mapping[str, str]) -> Iterator[IndexFinding]:
    gone: set[str] = set()
    for spec in standing:
        better = next((each for each in standing if each.name not in gone and covers(each, spec)), None)
        if better is not None:
            gone.add(spec.name)
            reason = f"its keys ({keys_told(spec)}) begin {better.name} ({keys_told(better)}), which serves its queries"
            yield IndexFinding(name, spec.name, Verdict.REDUNDANT, reason, _remove(spec.name, told))


def _references(
    name: str, sharing: Sequence[type[StoredDocument]], steps: Sequence[IndexStep]
) -> Iterator[IndexFinding]:
    for reference in dict.fromkeys(each for model in sharing for each in references_of(model)):
        leading = [step for step in steps if step.spec.keys[0][0] == reference.field and _holds_all(step.spec)]
        if any(step.found is not None and not step.found.options.get("hidden") for step in leading):
            continue
        if leading:
            reason, advice = "its index is declared, and not on the server", "docstore indexes sync"
        else:
            reason = "an include or a cascade reads the whole collection"
            advice = f'add index("{reference.attribute}", serves="documents of one {reference.target}")'
        yield IndexFinding(name, "", Verdict.REFERENCE, f"{reference.field} → {reference.target}: {reason}", advice)


def _unusable(
    name: str, sharing: Sequence[type[StoredDocument]], standing: Sequence[IndexSpec], told: Mapping[str, str]
) -> Iterator[IndexFinding]:
    marked = any(model.soft_delete for model in sharing)
    for spec in standing:
        if not spec.options.get("unique"):
            continue
        fields = unproven(spec, living=marked)
        first = spec.keys[0][0]
        if fields and not any(each.keys[0][0] == first and not unproven(each, living=marked) for each in standing):
            reason = (
                f"it holds only documents with a certain {' and '.join(fields)}, which a look-up by "
                f"{' and '.join(field for field, _ in spec.keys)} does not ask for: MongoDB reads the whole collection"
            )
            attributes = ", ".join(f'"{_attribute(sharing, field)}"' for field, _ in spec.keys)
            beside = f"beside {told[spec.name]}: " if spec.name in told else ""
            advice = f'{beside}add index({attributes}, serves="look-up")'
            yield IndexFinding(name, spec.name, Verdict.UNUSABLE, reason, advice)


def _purposeless(name: str, standing: Sequence[IndexSpec], told: Mapping[str, str]) -> Iterator[IndexFinding]:
    for spec in standing:
        if spec.name in told and not spec.serves:
            reason = "its declaration does not say which query it serves"
            advice = f'declare it as index(…, serves="…") instead of {told[spec.name]}'
            yield IndexFinding(name, spec.name, Verdict.PURPOSE, reason, advice)


def _many(name: str, count: int) -> IndexFinding:
    reason = f"{count} indexes: each write keeps every one of them, and MongoDB takes 64 at most"
    return IndexFinding(name, "", Verdict.MANY, reason, "merge those that begin alike, and drop what serves no query")


def _unused(
    name: str, steps: Sequence[IndexStep], told: Mapping[str, str], uses: Mapping[str, tuple[int, datetime]]
) -> Iterator[IndexFinding]:
    for step in steps:
        found = step.found
        if found is None or found.name not in uses or _works_by_itself(found):
            continue
        count, since = uses[found.name]
        if count == 0 and utc_now() - since >= _LONG_ENOUGH:
            reason = f"no query used it since {since:%Y-%m-%d}, as far as this server counts"
            yield IndexFinding(name, found.name, Verdict.UNUSED, reason, _remove(step.name, told))


async def _uses(database: Database, name: str) -> dict[str, tuple[int, datetime]] | None:
    """How often each index was used, and since when that is counted; None when the server does not count."""
    with translated(name):
        try:
            told = await (await database[name].aggregate([{"$indexStats": {}}])).to_list()
        except OperationFailure:
            return None
    uses: dict[str, tuple[int, datetime]] = {}
    for each in told:
        accesses = each.get("accesses") or {}
        since = accesses.get("since")
        if not isinstance(since, datetime):
            return None
        since = since if since.tzinfo else since.replace(tzinfo=utc_now().tzinfo)
        count, earlier = uses.get(each["name"], (0, since))
        uses[each["name"]] = (count + int(accesses.get("ops", 0)), max(earlier, since))
    return uses


def _merged(notes: Sequence[str], collections: int) -> tuple[str, ...]:
    if len(notes) > 1 and len(notes) >= collections // 2:
        return ("The server does not tell which indexes are used: none is called unused.",)
    return tuple(notes)


def _works_by_itself(spec: IndexSpec) -> bool:
    """Whether an index has work besides queries: a rule to keep, documents to remove; or is known not to be used."""
    return bool(spec.options.keys() & {"unique", "expireAfterSeconds", "hidden"})


def _holds_all(spec: IndexSpec) -> bool:
    return not spec.options.keys() & {"partialFilterExpression", "sparse"}


def _attribute(sharing: Sequence[type[StoredDocument]], stored: str) -> str:
    names = (name for model in sharing for name, info in model.model_fields.items() if (info.alias or name) == stored)
    return next(names, stored)


def _remove(name: str, told: Mapping[str, str]) -> str:
    return f"remove {told[name]}" if name in told else "no model declares it: docstore indexes sync --prune"
