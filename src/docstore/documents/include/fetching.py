"""The queries behind a relation: along the document's own reference, against it, and through a linking model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from beanie.odm.utils.encoder import Encoder
from pymongo import ASCENDING
from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.driver_errors import translated
from docstore.documents.guard.predicate import Scope
from docstore.documents.include.relations import put
from docstore.documents.include.resolving import Resolved
from docstore.documents.parsing import parse_all

Session = AsyncClientSession | None
Stored = dict[str, Any]

BATCH: Final = 5_000
"""How many keys one query carries: far below what a command may hold."""


async def fetch_forward(relation: Resolved, documents: Sequence[Any], session: Session) -> list[Any]:
    """Load what the documents' own reference leads to."""
    references = [getattr(document, relation.by) for document in documents]
    collection = relation.target.get_pymongo_collection()
    found: list[Stored] = []
    in_order = {"sort": relation.order} if relation.choice.sort else {}
    for batch in _batches((key for value in references for key in _keys(value)), whole=bool(in_order)):
        filter = _all_of({"_id": {"$in": batch}}, *_conditions(relation))
        with translated(collection.name, reads=True):
            found += await collection.find(filter, session=session, **in_order).to_list()
    related = dict(zip((stored["_id"] for stored in found), parse_all(relation.target, found), strict=True))
    ranks = {key: number for number, key in enumerate(related)} if in_order else {}
    for document, value in zip(documents, references, strict=True):
        if isinstance(value, list):
            keys = [key for key in value if key in related]
            keys = sorted(keys, key=ranks.__getitem__) if ranks else keys
            loaded: Any = [related[key] for key in keys[: relation.choice.limit]]
        else:
            loaded = related.get(value)
        put(document, relation.name, loaded, (relation.by, value))
    return list(related.values())


async def fetch_backward(relation: Resolved, documents: Sequence[Any], session: Session) -> list[Any]:
    """Load the documents that refer to these, or that a linking model connects with them."""
    pairs: list[tuple[Any, Stored]] = []
    for batch in _batches(document.id for document in documents if document.id is not None):
        if relation.many and relation.choice.limit is not None:
            pairs += await _limited(relation, documents[0].__class__, batch, session)
        elif relation.through is not None:
            pairs += await _linked(relation, batch, session)
        else:
            pairs += await _referring(relation, batch, session)
    return _hand_out(relation, documents, pairs)


async def _referring(relation: Resolved, keys: list[Any], session: Session) -> list[tuple[Any, Stored]]:
    collection = relation.target.get_pymongo_collection()
    field = relation.target.stored_name(relation.by)
    filter = _all_of({field: {"$in": keys}}, *_conditions(relation))
    with translated(collection.name, reads=True):
        found = await collection.find(filter, sort=relation.order, session=session).to_list()
    return [(key, stored) for stored in found for key in _keys(stored.get(field))]


async def _linked(relation: Resolved, keys: list[Any], session: Session) -> list[tuple[Any, Stored]]:
    # A target comes once, with all its owners: joined to each link it would be sent many times over.
    through: Any = relation.through
    by, to = through.stored_name(relation.by), through.stored_name(relation.to)
    in_order_of_links = not relation.choice.sort
    link: Any = {"owner": f"${by}", "link": "$_id"} if in_order_of_links else f"${by}"
    pipeline: list[Mapping[str, Any]] = [
        {"$match": {by: {"$in": keys}}},
        {"$group": {"_id": f"${to}", "links": {"$push": link}}},
        *_joined_targets(relation, "_id"),
    ]
    rows = await _run(through.get_pymongo_collection(), pipeline, session)
    if not in_order_of_links:
        return [(owner, row["found"]) for row in rows for owner in row["links"]]
    linked = [(link["link"], link["owner"], row["found"]) for row in rows for link in row["links"]]
    linked.sort(key=lambda each: (type(each[0]).__name__, each[0]))
    return [(owner, target) for _, owner, target in linked]


async def _limited(relation: Resolved, owner: Any, keys: list[Any], session: Session) -> list[tuple[Any, Stored]]:
    # A join from the owners, because it stops at the limit for each of them; they may be in the trash themselves.
    through, limit = relation.through, {"$limit": relation.choice.limit}
    if through is None:
        inner = [*_matches(relation), {"$sort": dict(relation.order)}, limit]
        join = _join(relation.target, "_id", relation.target.stored_name(relation.by), inner)
    else:
        # Once each, before they are counted: nothing keeps two links from connecting the same two documents.
        once = {"$group": {"_id": f"${through.stored_name(relation.to)}", "link": {"$min": "$_id"}}}
        targets = _joined_targets(relation, "_id")
        inner = [once, {"$sort": {"link": ASCENDING}}, *targets, limit, {"$replaceRoot": {"newRoot": "$found"}}]
        join = _join(through, "_id", through.stored_name(relation.by), inner)
    pipeline: list[Mapping[str, Any]] = [{"$match": {"_id": {"$in": keys}}}, {"$project": {"_id": 1}}, join]
    rows = await _run(owner.get_pymongo_collection().in_scope(Scope.ALL), pipeline, session)
    return [(row["_id"], stored) for row in rows for stored in row["found"]]


def _joined_targets(relation: Resolved, local: str) -> list[Mapping[str, Any]]:
    """The stages that lead from links to their targets, one each, in the relation's order if it has one."""
    stages: list[Mapping[str, Any]] = [
        _join(relation.target, local, "_id", _matches(relation)),
        {"$unwind": "$found"},
    ]
    if relation.choice.sort:
        stages.append({"$sort": {f"found.{name}": direction for name, direction in relation.order}})
    return stages


def _join(model: Any, local: str, foreign: str, pipeline: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    join = {"from": model.get_collection_name(), "localField": local, "foreignField": foreign, "as": "found"}
    return {"$lookup": {**join, "pipeline": pipeline} if pipeline else join}


def _matches(relation: Resolved) -> list[Mapping[str, Any]]:
    return [{"$match": condition} for condition in _conditions(relation)]


async def _run(collection: Any, pipeline: Sequence[Mapping[str, Any]], session: Session) -> list[Stored]:
    with translated(collection.name, reads=True):
        cursor = await collection.aggregate(pipeline, session=session)
        rows: list[Stored] = await cursor.to_list()
    return rows


def _hand_out(relation: Resolved, documents: Sequence[Any], pairs: list[tuple[Any, Stored]]) -> list[Any]:
    """Give every document its own of the (key of the owner, stored document) pairs, which come in order."""
    # An id is hashed in Python, and a pipeline hands one target out as one object to all its owners: so the objects
    # themselves are looked up, and each id but once.
    objects = {id(stored): stored for _, stored in pairs}
    distinct = {stored["_id"]: stored for stored in objects.values()}
    related = dict(zip(distinct, parse_all(relation.target, distinct.values()), strict=True))
    instances = {key: related[stored["_id"]] for key, stored in objects.items()}
    owned: dict[Any, dict[int, Any]] = {}
    for owner, stored in pairs:
        instance = instances[id(stored)]
        owned.setdefault(owner, {})[id(instance)] = instance
    for document in documents:
        own = owned.get(document.id, {})
        put(document, relation.name, list(own.values()) if relation.many else next(iter(own.values()), None))
    return list(related.values())


def _conditions(relation: Resolved) -> list[dict[str, Any]]:
    of_class = relation.target._add_class_id_filter((), with_children=True)
    return [Encoder().encode(condition) for condition in (*relation.choice.where, *of_class)]


def _all_of(*conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    return conditions[0] if len(conditions) == 1 else {"$and": list(conditions)}


def _keys(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from (each for each in value if each is not None)
    elif value is not None:
        yield value


def _batches(keys: Iterable[Any], *, whole: bool = False) -> Iterator[list[Any]]:
    """The distinct keys in slices, or in one where the answers are to come in one order."""
    distinct = list(dict.fromkeys(keys))
    size = len(distinct) if whole else BATCH
    for start in range(0, len(distinct), size or 1):
        yield distinct[start : start + size]
