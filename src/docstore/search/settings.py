"""Index settings, synonyms, rules and replicas: files of `indexes/algolia`, pushed, pulled and compared."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from docstore.clients.protocols import SearchIndex
from docstore.search.settings_files import Declared, bare, declared_settings, known_settings, write_settings

_NOT_SETTINGS: Final = frozenset({"version", "primary"})

MISSING: Final = "index"


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """Where the engine does not hold what a file declares.

    Attributes:
        index: the index or replica.
        what: the setting, or ``synonyms`` or ``rules`` with an objectID; `MISSING` where there is no such index.
        declared: None where the file has none.
        held: None where the engine has none.
    """

    index: str
    what: str
    declared: Any
    held: Any


async def push_settings(
    index: SearchIndex,
    names: Collection[str] | None = None,
    *,
    into: str | None = None,
    folder: Path | None = None,
) -> tuple[str, ...]:
    """Have the engine hold what is declared; the names of the indexes and replicas.

    Settings that are not declared stay as they are; synonyms and rules that are not declared are removed.

    Args:
        index: the search engine.
        names: these indexes alone.
        into: another index than the one of that name, which then gets no replicas.
        folder: where the files are.
    """
    pushed: list[str] = []
    for name, declared in declared_settings(folder).items():
        if names is not None and name not in names:
            continue
        target = into or name
        settings = dict(declared["settings"])
        if into is not None:
            settings.pop("replicas", None)
        # Synonyms and rules first: they reach the replicas that are there, and a new replica copies its primary's.
        await index.set_synonyms(target, declared.get("synonyms", ()))
        await index.set_rules(target, declared.get("rules", ()))
        # The primary before its replicas: it is what makes them.
        await index.set_settings(target, settings)
        pushed.append(target)
        for replica, all_of_it in _replicas_in(declared).items() if into is None else ():
            await index.set_settings(replica, all_of_it)
            pushed.append(replica)
    return tuple(pushed)


async def configuration_of(index: SearchIndex, name: str) -> Declared:
    """What the engine holds for an index, but for its replicas; nothing when it does not exist."""
    if not await index.exists(name):
        return {}
    held = await index.get_settings(name)
    settings = {each: value for each, value in held.items() if each not in _NOT_SETTINGS | {"replicas"}}
    return {
        "settings": settings,
        "synonyms": await index.get_synonyms(name),
        "rules": await index.get_rules(name),
    }


async def settings_differences(
    index: SearchIndex, names: Collection[str] | None = None, *, folder: Path | None = None
) -> list[SettingDifference]:
    """Where the engine does not hold what is declared. Settings that are not declared are not looked at."""
    found: list[SettingDifference] = []
    for name, declared in declared_settings(folder).items():
        if names is not None and name not in names:
            continue
        own = await _differences(index, name, declared["settings"])
        found += own
        if any(each.what == MISSING for each in own):
            continue  # nor has it synonyms, rules or replicas
        for kind, held in (("synonyms", await index.get_synonyms(name)), ("rules", await index.get_rules(name))):
            found += _entries(name, kind, declared.get(kind, ()), held)
        for replica, settings in _replicas_in(declared).items():
            found += await _differences(index, replica, settings)
    return found


async def pull_settings(
    index: SearchIndex, folder: Path, names: Collection[str], *, every: bool = False
) -> dict[str, bool]:
    """Write what the engine holds into files; by index, whether its file changed.

    Args:
        index: the search engine.
        folder: where the files are, or are to be.
        names: which indexes.
        every: all settings, not just those that the file declares; of an index without a file always all.
    """
    known = await asyncio.to_thread(known_settings, folder)
    changed: dict[str, bool] = {}
    for name in names:
        if not await index.exists(name):
            continue
        before = known.get(name)
        made: Declared = {"settings": await _pulled(index, name, None if every or not before else before["settings"])}
        made["synonyms"] = await index.get_synonyms(name)
        made["rules"] = await index.get_rules(name)
        replicas = await _replicas(index, name, {} if every or not before else before.get("replicas", {}))
        if replicas:
            made["replicas"] = replicas
        changed[name] = made != before
        if changed[name]:
            await asyncio.to_thread(write_settings, folder / f"{name}.json", made)
    return changed


def _replicas_in(declared: Declared) -> dict[str, Declared]:
    """The settings of each declared replica, those of its primary included.

    A replica has its primary's settings from when it was made, and none of what is changed there later. A virtual one
    follows by itself, and takes few settings of its own.
    """
    listed = declared["settings"].get("replicas") or ()
    virtual = {bare(each) for each in listed if each != bare(each)}
    shared = {each: value for each, value in declared["settings"].items() if each != "replicas"}
    return {
        each: dict(own) if each in virtual else {**shared, **own} for each, own in declared.get("replicas", {}).items()
    }


async def _replicas(index: SearchIndex, name: str, before: Mapping[str, Mapping[str, Any]]) -> Declared:
    primary = await index.get_settings(name)
    listed = primary.get("replicas")
    found: Declared = {}
    for each in map(bare, map(str, listed if isinstance(listed, list) else ())):
        held = await index.get_settings(each)
        own = [one for one, value in sorted(held.items()) if one not in _NOT_SETTINGS and value != primary.get(one)]
        # Those of the file first, in its order.
        found[each] = {one: held.get(one) for one in dict.fromkeys([*before.get(each, ()), *own])}
    return found


async def _pulled(index: SearchIndex, name: str, declared: Mapping[str, Any] | None) -> Declared:
    held = await index.get_settings(name)
    if declared is None:
        return {each: value for each, value in sorted(held.items()) if each not in _NOT_SETTINGS}
    # In the file's own order, so that a reviewer sees what changed and nothing else.
    return {each: held.get(each) for each in declared}


async def _differences(index: SearchIndex, name: str, declared: Mapping[str, Any]) -> list[SettingDifference]:
    if not await index.exists(name):
        return [SettingDifference(name, MISSING, dict(declared), None)]
    held = await index.get_settings(name)
    return [
        SettingDifference(name, each, value, held.get(each))
        for each, value in declared.items()
        if held.get(each) != value
    ]


def _entries(
    index: str, kind: str, declared: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]
) -> list[SettingDifference]:
    ours, theirs = ({str(each["objectID"]): dict(each) for each in entries} for entries in (declared, held))
    return [
        SettingDifference(index, f"{kind} {each}", ours.get(each), theirs.get(each))
        for each in sorted(ours.keys() | theirs.keys())
        if ours.get(each) != theirs.get(each)
    ]
