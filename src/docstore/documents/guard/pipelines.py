"""Aggregation pipelines that see no deleted document, however deep a join or a sub-pipeline lies.

Stages that must come first keep their place (MongoDB's rule): the condition goes into them, or right behind them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from docstore.documents.guard.filters import conjunction, refuse_scripts
from docstore.documents.guard.policy import GuardRegistry
from docstore.documents.guard.predicate import Scope, living_expression
from docstore.errors import RefusedOperation, ValidationFailed

Stage = dict[str, Any]

_SOURCELESS: Final = frozenset({"$documents", "$indexStats", "$listSearchIndexes", "$currentOp", "$planCacheStats"})
_REFUSED: Final[Mapping[str, str]] = {
    "$collStats": "it counts deleted documents too; count with count_documents()",
    "$searchMeta": "its counts include deleted documents; use $search and $count",
    "$changeStream": "it tells of deleted documents; use watch()",
    "$listSessions": "it is not about this collection; use get_mongo_client()",
    "$listLocalSessions": "it is not about this collection; use get_mongo_client()",
    "$shardedDataDistribution": "it counts deleted documents too; use get_mongo_client()",
}


def guard_pipeline(
    pipeline: Sequence[Mapping[str, Any]], registry: GuardRegistry, scope: Scope, collection: str
) -> list[Stage]:
    """The same pipeline over the documents in scope.

    Joined collections are always seen without their deleted documents, whatever the scope of the first.

    Args:
        pipeline: the stages as written.
        registry: says which collections delete softly.
        scope: which of `collection`'s documents may be seen.
        collection: the collection the pipeline runs on.

    Raises:
        RefusedOperation: a stage would show or count deleted documents, or overwrite a bound collection.
        UnsafeFilter: a stage runs a script.
    """
    refuse_scripts(pipeline, collection)
    return _with_source_condition(guard_stages(pipeline, registry, collection), scope.condition)


def guard_stages(stages: Sequence[Mapping[str, Any]], registry: GuardRegistry, collection: str) -> list[Stage]:
    """The stages with their joins, sub-pipelines and targets guarded; the source is not narrowed.

    Raises:
        RefusedOperation: a stage would show or count deleted documents, or overwrite a bound collection.
        ValidationFailed: a stage is not a mapping of one name.
    """
    guarded: list[Stage] = []
    for stage in stages:
        guarded.extend(_guard_stage(stage, registry, collection))
    return guarded


def _guard_stage(stage: Mapping[str, Any], registry: GuardRegistry, collection: str) -> list[Stage]:
    if len(stage) != 1:
        raise ValidationFailed(
            f"a stage of a pipeline on {collection} is a mapping of one name, such as {{'$match': ...}}.",
            collection=collection,
            value_type=type(stage).__name__,
        )
    name, body = next(iter(stage.items()))
    if name in _REFUSED:
        raise RefusedOperation(
            f"{name} is refused on {collection}: {_REFUSED[name]}.", collection=collection, field=name
        )
    if name == "$graphLookup":
        return _graph_lookup(body, registry, collection)
    rewrite = _REWRITES.get(name)
    return [{name: rewrite(body, registry, collection)} if rewrite else dict(stage)]


def _with_source_condition(stages: list[Stage], condition: Mapping[str, Any]) -> list[Stage]:
    if not condition:
        return stages
    first = next(iter(stages[0])) if stages else ""
    if first in _SOURCELESS:
        return stages
    match = {"$match": dict(condition)}
    if first == "$geoNear":
        body = dict(stages[0][first])
        body["query"] = conjunction(body.get("query") or {}, condition)
        return [{first: body}, *stages[1:]]
    if first in ("$search", "$vectorSearch", "$rankFusion", "$scoreFusion"):
        return [stages[0], match, *stages[1:]]
    if first == "$match":
        # Merged, not prepended: a $text condition must stand in the first $match.
        return [{"$match": conjunction(stages[0][first], condition)}, *stages[1:]]
    return [match, *stages]


def _lookup(body: Any, registry: GuardRegistry, collection: str) -> Any:
    if not isinstance(body, Mapping):
        return body
    source = body.get("from")
    if source is None:
        return {
            **body,
            "pipeline": guard_stages(body.get("pipeline") or (), registry, collection),
        }
    name = _collection_name(source, collection)
    inner = guard_pipeline(body.get("pipeline") or (), registry, registry.living_scope(name), name)
    return {**body, "pipeline": inner} if inner else dict(body)


def _graph_lookup(body: Any, registry: GuardRegistry, collection: str) -> list[Stage]:
    name = _collection_name(body.get("from"), collection)
    condition = registry.living_scope(name).condition
    if not condition:
        return [{"$graphLookup": dict(body)}]
    restricted = {
        **body,
        "restrictSearchWithMatch": conjunction(body.get("restrictSearchWithMatch") or {}, condition),
    }
    # MongoDB needs no more. Servers that take the restriction and ignore it must not show what is deleted either.
    output = str(body.get("as"))
    living = {"$filter": {"input": f"${output}", "as": "found", "cond": living_expression("$$found")}}
    return [{"$graphLookup": restricted}, {"$set": {output: living}}]


def _union_with(body: Any, registry: GuardRegistry, collection: str) -> Any:
    form: dict[str, Any] = {"coll": body} if isinstance(body, str) else dict(body)
    source = form.get("coll")
    pipeline = form.get("pipeline") or ()
    if source is None:
        return {**form, "pipeline": guard_stages(pipeline, registry, collection)}
    name = _collection_name(source, collection)
    return {**form, "pipeline": guard_pipeline(pipeline, registry, registry.living_scope(name), name)}


def _facet(body: Any, registry: GuardRegistry, collection: str) -> Any:
    return {output: guard_stages(stages, registry, collection) for output, stages in body.items()}


def _fusion(body: Any, registry: GuardRegistry, collection: str) -> Any:
    given = dict(body.get("input") or {})
    pipelines = {
        name: guard_pipeline(stages, registry, registry.living_scope(collection), collection)
        for name, stages in (given.get("pipelines") or {}).items()
    }
    return {**body, "input": {**given, "pipelines": pipelines}}


def _write_target(body: Any, registry: GuardRegistry, collection: str) -> Any:
    target = body.get("into", body.get("coll")) if isinstance(body, Mapping) else body
    name = target.get("coll") if isinstance(target, Mapping) else target
    database = next((form["db"] for form in (target, body) if isinstance(form, Mapping) and "db" in form), None)
    if registry.is_bound(str(name)) and database in (None, registry.database):
        raise RefusedOperation(
            f"a pipeline on {collection} writes into {name}, a collection of documents: it would pass by "
            f"validation and destroy what is deleted there.",
            hint="Write into a collection of its own, or use get_mongo_client() in a migration.",
            collection=collection,
        )
    return body


def _collection_name(source: Any, collection: str) -> str:
    name = source.get("coll") if isinstance(source, Mapping) else source
    if not isinstance(name, str):
        raise RefusedOperation(
            f"a join on {collection} names its collection by {type(source).__name__}.",
            hint="Name it by a string.",
            collection=collection,
        )
    return name


_REWRITES: Final[Mapping[str, Callable[[Any, GuardRegistry, str], Any]]] = {
    "$lookup": _lookup,
    "$unionWith": _union_with,
    "$facet": _facet,
    "$rankFusion": _fusion,
    "$scoreFusion": _fusion,
    "$out": _write_target,
    "$merge": _write_target,
}
