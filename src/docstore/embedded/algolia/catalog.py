"""All indexes of the application, and what happens to them as wholes: replicas, copies, moves, deletion."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from docstore.embedded.algolia.conditions import unwrap
from docstore.embedded.algolia.errors import ApiError, bad_request, unknown_index
from docstore.embedded.algolia.index import Index

_SCOPES = ("settings", "synonyms", "rules")
# Settings that a copy never carries: replicas belong to the index they were declared on.
_NOT_COPIED = ("replicas", "mode", "enableReRanking")
_REMEMBERED_TASKS = 10_000


class Tasks:
    """Task numbers, and when each is published.

    Every change is applied before it is answered; `delay` only lets a task report itself published later,
    so that waiting for tasks can be tried out.

    Args:
        delay: seconds from a task's creation until it is published.
        last: the last number given out before.
    """

    def __init__(self, delay: float = 0.0, last: int = 0) -> None:
        self.delay = delay
        self.last = last
        self._created: OrderedDict[int, float] = OrderedDict()

    def new(self) -> int:
        """The number of a new task."""
        self.last += 1
        self._created[self.last] = time.monotonic()
        while len(self._created) > _REMEMBERED_TASKS:
            self._created.popitem(last=False)
        return self.last

    def published(self, task_id: int) -> bool:
        """Whether the task is done.

        Raises:
            ApiError: 404, no such task was ever given out.
        """
        if not 0 < task_id <= self.last:
            raise ApiError(404, f"Task {task_id} does not exist")
        created = self._created.get(task_id)
        return created is None or time.monotonic() - created >= self.delay


class Catalog:
    """The indexes by name. `on_change` is called after every change."""

    def __init__(self, tasks: Tasks | None = None) -> None:
        self.indexes: dict[str, Index] = {}
        self.tasks = tasks or Tasks()
        self.on_change: Callable[[], None] = lambda: None

    def get(self, name: str) -> Index:
        """The index.

        Raises:
            ApiError: 404, it does not exist.
        """
        index = self.indexes.get(name)
        if index is None:
            raise unknown_index(name)
        return index

    def writable(self, name: str) -> Index:
        """The index to write records to, made when it is not there.

        Raises:
            ApiError: 400, it is a replica: those take their records from their primary.
        """
        index = self.configurable(name)
        if index.parent is not None:
            raise bad_request(f"{name} is a replica of {index.parent.name}: write to the primary index")
        return index

    def configurable(self, name: str) -> Index:
        """The index to configure, made when it is not there."""
        if name not in self.indexes:
            self.indexes[name] = Index(name)
        return self.indexes[name]

    def changed(self, index: Index | None = None) -> int:
        """Note a change; the number of the task that stands for it."""
        if index is not None:
            index.touch()
        self.on_change()
        return self.tasks.new()

    def replicas(self, index: Index) -> list[Index]:
        """The replicas of an index, virtual ones included."""
        return [other for other in self.indexes.values() if other.parent is index]

    def set_settings(self, name: str, changes: Mapping[str, Any], *, forward: bool) -> None:
        """Change settings, link and unlink replicas, and forward the rest to them when asked.

        Raises:
            ApiError: 400, a replica cannot be linked.
        """
        index = self.configurable(name)
        wanted = changes.get("replicas")
        if "replicas" in changes:
            self._check_replicas(index, wanted or [])
        index.change_settings(changes)
        if "replicas" in changes:
            index.settings["replicas"] = [replica for replica in wanted or [] if replica]
            self._link(index)
        if forward:
            rest = {key: value for key, value in changes.items() if key != "replicas"}
            for replica in self.replicas(index):
                if not replica.virtual:
                    replica.change_settings(rest)

    def delete(self, name: str) -> None:
        """Remove an index; its replicas become independent. An absent index is no error.

        Raises:
            ApiError: 403, it is a replica and must be unlinked from its primary first.
        """
        index = self.indexes.get(name)
        if index is None:
            return
        if index.parent is not None:
            raise ApiError(403, f"{name} is a replica of {index.parent.name}: unlink it before deleting it")
        for replica in self.replicas(index):
            self._unlink(replica)
        del self.indexes[name]

    def copy(self, source: str, destination: str, scope: Iterable[str] | None) -> None:
        """Copy records and configuration, or only the parts of the configuration in `scope`.

        An absent source copies as an empty index.

        Raises:
            ApiError: 400, the scope is unknown or the destination has replicas.
        """
        scopes = tuple(scope or ())
        if unknown := [part for part in scopes if part not in _SCOPES]:
            raise bad_request(f"Invalid scope {unknown[0]!r}, expected settings, synonyms or rules")
        origin = self.indexes.get(source) or Index(source)
        target = self.indexes.get(destination)
        if target is not None and not scopes and self.replicas(target):
            raise bad_request(f"Cannot copy to {destination}: it has replicas")
        target = self.configurable(destination) if scopes else self.writable(destination)
        self._copy_configuration(origin, target, scopes or _SCOPES)
        if not scopes:
            target.own_records = dict(origin.records)
        target.touch()

    def move(self, source: str, destination: str) -> None:
        """Rename an index over another one; replicas of the destination stay and show the moved records.

        An absent source is no error and changes nothing.

        Raises:
            ApiError: 400, one of the two is a replica, or the source has replicas.
        """
        origin = self.indexes.get(source)
        if origin is None or source == destination:
            return
        if origin.parent is not None or self.replicas(origin):
            raise bad_request(f"Cannot move {source}: unlink its replicas, or the replica itself, first")
        target = self.writable(destination)
        self._copy_configuration(origin, target, _SCOPES)
        target.own_records = origin.own_records
        target.touch()
        del self.indexes[source]

    @staticmethod
    def _copy_configuration(origin: Index, target: Index, scopes: Iterable[str]) -> None:
        if "settings" in scopes:
            kept = {name: value for name, value in target.settings.items() if name in _NOT_COPIED}
            copied = {name: value for name, value in origin.settings.items() if name not in _NOT_COPIED}
            target.settings = {**copied, **kept}
        if "synonyms" in scopes:
            target.synonyms = dict(origin.synonyms)
        if "rules" in scopes:
            target.rules = dict(origin.rules)

    def _check_replicas(self, index: Index, wanted: Any) -> None:
        if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
            raise bad_request("replicas: a list of index names was expected")
        if wanted and index.parent is not None:
            raise bad_request(f"{index.name} is a replica and cannot have replicas of its own")
        for declaration in filter(None, wanted):
            name = unwrap(declaration)[1]
            other = self.indexes.get(name)
            taken = other is not None and other.parent not in (None, index)
            if name == index.name or taken or (other is not None and self.replicas(other)):
                raise bad_request(f"{name} cannot be a replica of {index.name}: it belongs elsewhere")

    def _link(self, index: Index) -> None:
        wanted = {name: modifier == "virtual" for modifier, name in map(unwrap, index.settings["replicas"])}
        for replica in self.replicas(index):
            if replica.name not in wanted:
                self._unlink(replica)
        for name, virtual in wanted.items():
            created = name not in self.indexes
            replica = self.configurable(name)
            if created and not virtual:
                self._copy_configuration(index, replica, _SCOPES)
            replica.own_records = {}
            replica.parent, replica.virtual = index, virtual

    def _unlink(self, replica: Index) -> None:
        parent = replica.parent
        if parent is None:
            return
        replica.own_records = dict(parent.records)
        if replica.virtual:
            replica.settings = {**parent.settings, **replica.settings}
            replica.settings.pop("replicas", None)
            replica.synonyms, replica.rules = dict(parent.synonyms), dict(parent.rules)
        replica.parent, replica.virtual = None, False
        replica.touch()
