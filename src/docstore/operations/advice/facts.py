"""What is known of a collection: its indexes, how often they were used, and a sample of its documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from bson import BSON
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from docstore.documents import StoredDocument, SystemDocument, declared_indexes, references_of
from docstore.documents.guard.predicate import LIVING
from docstore.operations.advice.needs import Fit, Keys, Need, fit

Database = AsyncDatabase[dict[str, Any]]

SAMPLE: Final = 1_000
_PROVEN: Final = frozenset({"$gt", "$gte", "$exists", "$type"})
_MARKS: Final = frozenset(LIVING) - {"status"}


@dataclass(frozen=True)
class IndexFacts:
    """An index: its keys, what deviates from a plain one, and how it stands.

    Args:
        declared, built: a model declares it; the server has it.
        serves: what it is declared for.
        reference: it is what a reference's cascades and includes go by.
        uses, since: how often the asked server used it, since when; None where it does not count.
    """

    name: str
    keys: tuple[tuple[str, int | str], ...]
    unique: bool = False
    sparse: bool = False
    hidden: bool = False
    expires: bool = False
    partial: Mapping[str, Any] = field(default_factory=dict)
    collation: Mapping[str, Any] | None = None
    declared: bool = False
    built: bool = True
    serves: str = ""
    reference: bool = False
    uses: int | None = None
    since: datetime | None = None

    @property
    def works(self) -> bool:
        """Whether it does something besides serving queries."""
        return self.unique or self.expires or self.name == "_id_"

    def fits(self, need: Need, *, living: bool) -> Fit:
        """What it does for a query, which the guard narrowed to living documents or not."""
        if self.hidden or not self._is_implied(need, living):
            return Fit()
        return fit(self.keys, need)

    def _is_implied(self, need: Need, living: bool) -> bool:
        if self.sparse and self.keys[0][0] not in need.equality:
            return False
        for name, condition in self.partial.items():
            if living and name in _MARKS:
                continue
            proven = isinstance(condition, Mapping) and condition.keys() <= _PROVEN
            if not (proven and name in need.equality):
                return False
        return True


@dataclass
class CollectionFacts:
    """A collection as the server tells it, beside what its model declares."""

    name: str
    model: type[StoredDocument] | None
    documents: int = 0
    mean_bytes: int = 0
    indexes: list[IndexFacts] = field(default_factory=list)
    counts_uses: bool = False
    sample: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_system(self) -> bool:
        """Whether a mechanism keeps its rows there."""
        return self.model is not None and issubclass(self.model, SystemDocument)

    @property
    def built(self) -> list[IndexFacts]:
        """The indexes the server has."""
        return [each for each in self.indexes if each.built]

    def values(self, path: str) -> list[Any]:
        """The values of a stored field in the sample, elements of lists one by one."""
        return [value for document in self.sample for value in values_at(document, path)]

    def distinct(self, path: str) -> int:
        """How many different values a field has: those of the sample, or as many as documents when none repeats."""
        values = self.values(path)
        different = len({_hashable(value) for value in values})
        if values and different >= 0.9 * len(values):
            return max(self.documents, different)
        return different

    def share(self, path: str, *, null: bool = False) -> float:
        """The part of the documents that a look-up by a value of this field finds: of null, or of a value as common as
        that of a document taken by chance."""
        if self.distinct(path) >= self.documents > 0 and not null:
            return 1 / self.documents
        values = Counter(_hashable(value) for value in self.values(path))
        total = values.total()
        if not total:
            return 1.0
        if null:
            return max(values[None] / total, 1 / total)
        return float(sum((count / total) ** 2 for count in values.values()))


async def read_facts(
    database: Database, names: Sequence[str], models: Sequence[type[StoredDocument]]
) -> dict[str, CollectionFacts]:
    """The facts of collections that exist, by name, without samples.

    Raises:
        pymongo.errors.PyMongoError: the database does not answer.
    """
    by_name = {model_collection(model): model for model in models}
    existing = set(await database.list_collection_names())
    found = {}
    for name in names:
        if name in existing:
            found[name] = await _read(database, name, by_name.get(name))
    return found


async def draw_sample(database: Database, facts: CollectionFacts) -> None:
    """Fill in the sample, unless it is there."""
    if not facts.sample and facts.documents:
        cursor = await database[facts.name].aggregate([{"$sample": {"size": SAMPLE}}])
        facts.sample = await cursor.to_list()
        if not facts.mean_bytes and facts.sample:
            facts.mean_bytes = sum(len(BSON.encode(each)) for each in facts.sample) // len(facts.sample)


def model_collection(model: type[StoredDocument]) -> str:
    """The collection of a model, bound or not."""
    named: str | None = getattr(getattr(model, "Settings", None), "name", None)
    return named or model.__name__


def values_at(document: Any, path: str) -> list[Any]:
    """The values a dotted path leads to, through lists too; ``[None]`` where there is nothing."""
    found = [document]
    for part in path.split("."):
        inner: list[Any] = []
        for each in found:
            parts = each if isinstance(each, list) else [each]
            inner += [one.get(part) if isinstance(one, Mapping) else None for one in parts]
        found = inner
    return [value for each in found for value in (each if isinstance(each, list) and each else [each])]


async def _read(database: Database, name: str, model: type[StoredDocument] | None) -> CollectionFacts:
    facts = CollectionFacts(name, model)
    statistics = await database.command("collStats", name)
    facts.documents = int(statistics.get("count") or 0)
    facts.mean_bytes = int(statistics.get("avgObjSize") or 0)
    declared = _declared(model) if model is not None else []
    uses = await _uses(database, name)
    facts.counts_uses = any(since is not None for _, since in uses.values())
    for document in await (await database[name].list_indexes()).to_list():
        index = _of_server(document)
        same = next((each for each in declared if _same(each, index)), None)
        counted, since = uses.get(index.name, (None, None))
        if same is not None:
            declared.remove(same)
            index = replace(index, declared=True, serves=same.serves, reference=same.reference)
        facts.indexes.append(replace(index, uses=counted if facts.counts_uses else None, since=since))
    facts.indexes += declared
    return facts


async def _uses(database: Database, name: str) -> dict[str, tuple[int, datetime | None]]:
    try:
        cursor = await database[name].aggregate([{"$indexStats": {}}])
        rows = await cursor.to_list()
    except OperationFailure:
        return {}  # the user may not ask, or this kind of server cannot tell
    return {row["name"]: (int(row["accesses"]["ops"]), row["accesses"].get("since")) for row in rows}


def _declared(model: type[StoredDocument]) -> list[IndexFacts]:
    leading = {reference.attribute for reference in references_of(model)}
    found = []
    for each in declared_indexes(model):
        document = each.to_index_model(model).document
        index = _of_server({**document, "key": dict(document["key"])})
        reference = each.attributes[0].lstrip("-") in leading
        found.append(replace(index, declared=True, built=False, serves=each.serves, reference=reference))
    return found


def _of_server(document: Mapping[str, Any]) -> IndexFacts:
    keys: Keys = [
        (str(name), int(way) if isinstance(way, int | float) else way) for name, way in document["key"].items()
    ]
    return IndexFacts(
        name=str(document["name"]),
        keys=tuple(keys),
        unique=bool(document.get("unique")),
        sparse=bool(document.get("sparse")),
        hidden=bool(document.get("hidden")),
        expires=document.get("expireAfterSeconds") is not None,
        partial=document.get("partialFilterExpression") or {},
        collation=document.get("collation"),
    )


def _same(one: IndexFacts, other: IndexFacts) -> bool:
    return one.name == other.name or (
        (one.keys, one.unique, one.sparse) == (other.keys, other.unique, other.sparse)
        and dict(one.partial).keys() == dict(other.partial).keys()
    )


def _hashable(value: Any) -> Any:
    return repr(value) if isinstance(value, dict | list) else value
