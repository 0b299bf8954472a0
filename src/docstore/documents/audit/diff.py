"""The difference between two stored documents, and the way back."""

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from docstore.documents.audit.chain import written
from docstore.documents.audit.entries import MASK

Diff = list[dict[str, Any]]

_SIDES: Final = ("before", "after")


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any], *, ignored: Collection[str] = (), masked: Collection[str] = ()
) -> Diff:
    """What changed, as stored: ``{"path": …, "before": …, "after": …}``, each without the side that had no such field.

    Nested documents are compared field by field, lists as a whole. Nulls that come into being are no change.

    Args:
        ignored: stored fields left out; a nested part is not.
        masked: dotted paths whose values are replaced. What changed inside of one is told as a change of the whole:
            the keys of a table may be as secret as its values.
    """
    found: Diff = []
    for name in dict.fromkeys((*before, *after)):
        if name != "_id" and name not in ignored:
            found.extend(_between(str(name), before, after, name))
    return _mask(found, masked) if masked else found


def without_large(diff: Diff, limit: int) -> Diff:
    """A diff whose changes of more than `limit` bytes lose their values, as secret ones do."""

    return [
        {"path": each["path"], **dict.fromkeys(each.keys() - {"path"}, MASK)} if len(written(each)) > limit else each
        for each in diff
    ]


def undo(document: Mapping[str, Any], diff: Diff) -> dict[str, Any]:
    """The stored document as it was before a diff. A masked value is gone: the field is left out."""
    past = deepcopy(dict(document))
    for change in reversed(diff):
        if "before" in change and change["before"] != MASK and change.get("after") != MASK:
            _set(past, change["path"], deepcopy(change["before"]))
        else:
            _unset(past, change["path"])
    return past


def redo(document: dict[str, Any], diff: Diff) -> bool:
    """Make a stored document what it became by a diff; False where the diff does not fit it."""
    try:
        for change in diff:
            if "after" in change:
                _set(document, change["path"], deepcopy(change["after"]))
            else:
                _unset(document, change["path"])
    except (AttributeError, KeyError, TypeError):
        return False
    return True


def value_at(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    """``{"value": …}`` at a dotted path; empty where there is no such field."""
    *parents, last = path.split(".")
    place: Any = document
    for name in parents:
        place = place.get(name) if isinstance(place, Mapping) else None
    return {"value": place[last]} if isinstance(place, Mapping) and last in place else {}


def same(one: Any, other: Any) -> bool:
    """Whether two stored values are the same; 1, 1.0 and true are not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return _kind(one) is _kind(other) and bool(one == other or (one != one and other != other))


def _kind(value: Any) -> type:
    # BSON's own integers and strings are equal to Python's.
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind
    return type(value)


def _between(path: str, before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    if name not in before:
        if after[name] is not None:
            yield {"path": path, "after": after[name]}
        return
    if name not in after:
        yield {"path": path, "before": before[name]}
        return
    was, became = before[name], after[name]
    if was is became or same(was, became):
        return
    if _is_plain(was) and _is_plain(became):
        for inner in dict.fromkeys((*was, *became)):
            yield from _between(f"{path}.{inner}", was, became, inner)
        return
    yield {"path": path, "before": was, "after": became}


def _is_plain(value: Any) -> bool:
    """Whether a value is a document whose fields can stand in a dotted path."""
    return isinstance(value, Mapping) and all(name and "." not in name and name[0] != "$" for name in value)


def _mask(found: Diff, masked: Collection[str]) -> Diff:
    told: dict[str, dict[str, Any]] = {}
    secrets: list[Any] = []
    for change in found:
        path = change["path"]
        around = next((each for each in masked if path == each or path.startswith(f"{each}.")), None)
        if around is None and not any(each.startswith(f"{path}.") for each in masked):
            told[path] = change
            continue
        sides = {side: MASK for side in _SIDES if change.get(side) is not None}
        secrets += [change[side] for side in sides]
        told[around or path] = {**told.get(around or path, {}), "path": around or path, **sides}
    return [_without(each, secrets) for each in told.values()] if secrets else list(told.values())


def _without(change: dict[str, Any], secrets: list[Any]) -> dict[str, Any]:
    """A change without secrets that were renamed or copied: they are as secret under another name."""
    copied = {
        side: MASK
        for side in _SIDES
        if isinstance(change.get(side), str | bytes | Mapping | list)
        and any(same(change[side], one) for one in secrets)
    }
    return {**change, **copied} if copied else change


def _set(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    place = document
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value


def _unset(document: dict[str, Any], path: str) -> None:
    *parents, last = path.split(".")
    place: Any = document
    for name in parents:
        place = place.get(name)
        if not isinstance(place, dict):
            return
    place.pop(last, None)
