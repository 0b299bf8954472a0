"""The shape of a command: collection, operation, filter, sort and the like, without a value in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from docstore.documents.guard.predicate import LIVING
from docstore.operations.querylog.masking import masked_filter, masked_pipeline, masked_update

LOGGED: Final = frozenset(
    {"find", "aggregate", "count", "distinct", "insert", "update", "delete", "findAndModify", "getMore"}
)
"""The commands that have a shape."""

_PARTS: Final = ("filter", "living", "projected", "limited", "skips", "rest")
_LEADING: Final = ("$match", "$sort", "$limit", "$skip")


@dataclass(frozen=True)
class Shape:
    """What two commands have in common that differ in values alone.

    Args:
        operation: the command's name.
        collection: what it was sent to.
        filter: the fields and operators of its filter, for a pipeline of its leading ``$match`` stages.
        sort: stored fields and directions, for a pipeline when it is sorted before it is changed.
        living: the guard narrowed it to documents that are not deleted; those conditions are left out of `filter`.
        projected: it asks for some fields only.
        limited, skips: it has a limit; it skips documents.
        rest: what else makes its shape: a pipeline, an update, a distinct key.
    """

    operation: str
    collection: str
    filter: Mapping[str, Any] = field(default_factory=dict)
    sort: tuple[tuple[str, int], ...] = ()
    living: bool = False
    projected: bool = False
    limited: bool = False
    skips: bool = False
    rest: Any = None

    @property
    def text(self) -> str:
        """One line, which `parse` reads back."""
        body: dict[str, Any] = {}
        if self.filter:
            body["filter"] = self.filter
        if self.sort:
            body["sort"] = dict(self.sort)
        body |= {name: True for name in ("living", "projected", "limited", "skips") if getattr(self, name)}
        if self.rest is not None:
            body["rest"] = self.rest
        return f"{self.operation} {self.collection} {json.dumps(body, ensure_ascii=False)}"

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that stand for the shape; the order of conditions does not matter."""
        parsed = [self.filter, list(self.sort), *(getattr(self, name) for name in _PARTS[1:])]
        same = json.dumps([self.operation, self.collection, parsed], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(same.encode()).hexdigest()[:12]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The shape of a line that `text` made; None when it is none."""
        head, _, body = text.partition(" {")
        operation, _, collection = head.partition(" ")
        try:
            read = json.loads("{" + body)
        except ValueError:
            return None
        if operation not in LOGGED or not isinstance(read, dict):
            return None
        sort = tuple((str(name), int(way)) for name, way in read.pop("sort", {}).items())
        return cls(operation, collection, sort=sort, **{name: read[name] for name in _PARTS if name in read})


def shape_of(name: str, command: Mapping[str, Any]) -> Shape | None:
    """The shape of a command as the driver sent it; None for commands that are not logged."""
    if name not in LOGGED:
        return None
    if name == "getMore":
        return Shape(name, str(command.get("collection", "")))
    collection = str(command.get(name, ""))
    if name == "aggregate":
        return _pipeline_shape(collection, command.get("pipeline") or [])
    if name in ("update", "delete"):
        return _write_shape(name, collection, command)
    if name == "insert":
        return Shape(name, collection)
    filter_, living = without_living(command.get("filter", command.get("query")) or {})
    rest: Any = None
    if name == "distinct":
        rest = str(command.get("key", ""))
    elif name == "findAndModify":
        rest = "remove" if command.get("remove") else masked_update(command.get("update"))
    projection = command.get("projection", command.get("fields"))
    return Shape(
        name,
        collection,
        masked_filter(filter_),
        _sort(command.get("sort")),
        living,
        projected=bool(projection),
        limited=bool(command.get("limit")),
        skips=bool(command.get("skip")),
        rest=rest,
    )


def leading(pipeline: Any) -> tuple[dict[str, Any], Mapping[str, Any] | None, int, int]:
    """What a pipeline's beginning reads: its filter, its sort, its limit and what it skips (0 for none)."""
    conditions: list[Mapping[str, Any]] = []
    sort: Mapping[str, Any] | None = None
    limit = skip = 0
    for stage in pipeline if isinstance(pipeline, list) else []:
        name, body = next(iter(stage.items())) if isinstance(stage, Mapping) and stage else ("", None)
        if name not in _LEADING or (sort is not None and name in ("$match", "$sort")) or limit:
            break
        if name == "$match" and isinstance(body, Mapping) and not skip:
            conditions.append(body)
        elif name == "$sort" and isinstance(body, Mapping) and not skip:
            sort = body
        elif name == "$limit" and isinstance(body, int):
            limit = body
        elif name == "$skip" and isinstance(body, int):
            skip = body
        else:
            break
    merged = conditions[0] if len(conditions) == 1 else {"$and": conditions} if conditions else {}
    return dict(merged), sort, limit, skip


def without_living(filter_: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """A filter without the guard's own conditions, and whether it had them."""
    if all(filter_.get(name, ...) == condition for name, condition in LIVING.items()):
        return {name: each for name, each in filter_.items() if name not in LIVING}, True
    parts = filter_.get("$and")
    if not isinstance(parts, list | tuple):
        return filter_, False
    plain, living = [], False
    for part in parts:
        rest, had = without_living(part) if isinstance(part, Mapping) else (part, False)
        living = living or had
        if rest or not had:
            plain.append(rest)
    if not living:
        return filter_, False
    others = {name: each for name, each in filter_.items() if name != "$and"}
    if len(plain) == 1 and not others:
        return plain[0], True
    return ({**others, "$and": plain} if plain else others), True


def _pipeline_shape(collection: str, pipeline: Any) -> Shape:
    read, sort, limit, skip = leading(pipeline)
    filter_, living = without_living(read)
    return Shape(
        "aggregate",
        collection,
        masked_filter(filter_),
        _sort(sort),
        living,
        projected=True,
        limited=bool(limit),
        skips=bool(skip),
        rest=[stage for stage in masked_pipeline(pipeline) if stage != {"$match": masked_filter(LIVING)}],
    )


def _write_shape(name: str, collection: str, command: Mapping[str, Any]) -> Shape:
    writes = command.get("updates" if name == "update" else "deletes") or [{}]
    first = writes[0]
    filter_, living = without_living(first.get("q") or {})
    rest = masked_update(first.get("u")) if name == "update" else None
    return Shape(name, collection, masked_filter(filter_), living=living, limited=not first.get("multi"), rest=rest)


def _sort(sort: Any) -> tuple[tuple[str, int], ...]:
    if not isinstance(sort, Mapping):
        return ()
    return tuple((str(name), int(way)) for name, way in sort.items() if isinstance(way, int | float))
