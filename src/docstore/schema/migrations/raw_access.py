"""The raw collections a migration gets for code of its own: they see all, and in a dry run they only count.

Deleted documents are seen. Writes join the migration's transaction where it has one, and fail when another process has
taken the migration over. In a dry run reads are answered, writes are counted, and what cannot be counted is refused by
name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.results import DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from docstore.errors import RefusedOperation
from docstore.schema.migrations.reports import PlannedStep
from docstore.schema.migrations.sessions import current_session
from docstore.schema.migrations.steps import StepRunner

_READS: Final = frozenset(
    {
        "find",
        "find_one",
        "count_documents",
        "estimated_document_count",
        "distinct",
        "list_indexes",
        "index_information",
        "options",
        "name",
        "full_name",
    }
)
_SESSIONLESS: Final = frozenset({"estimated_document_count", "name", "full_name"})
_WRITES: Final = frozenset(
    {
        "insert_one",
        "insert_many",
        "update_one",
        "update_many",
        "replace_one",
        "delete_one",
        "delete_many",
        "bulk_write",
        "find_one_and_update",
        "find_one_and_replace",
        "find_one_and_delete",
    }
)
_WRITING_STAGES: Final = frozenset({"$out", "$merge"})
_READING_COMMANDS: Final = frozenset(
    {
        "aggregate",
        "buildinfo",
        "collstats",
        "count",
        "dbstats",
        "distinct",
        "explain",
        "find",
        "hello",
        "listcollections",
        "listindexes",
        "ping",
    }
)


@dataclass(frozen=True)
class MigrationCollection:
    """A raw collection, by name."""

    raw: AsyncCollection[dict[str, Any]]
    steps: StepRunner

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.raw, name)
        if name in _READS:
            return attribute if name in _SESSIONLESS else _with_session(attribute)
        if not self.steps.dry:
            return _checked(_with_session(attribute), self.steps) if name in _WRITES else attribute
        counted = getattr(self, f"_count_{name}", None)
        if counted is None:
            raise self._refused(name)
        return counted

    def aggregate(self, pipeline: list[dict[str, Any]], *arguments: Any, **options: Any) -> Any:
        """As PyMongo's; one that writes is refused in a dry run."""
        if self.steps.dry and any(stage.keys() & _WRITING_STAGES for stage in pipeline):
            raise self._refused("aggregate with $out or $merge")
        return _with_session(self.raw.aggregate)(pipeline, *arguments, **options)

    async def _count_insert_one(self, document: dict[str, Any], *_: Any, **__: Any) -> InsertOneResult:
        self._plan("insert_one", 1)
        return InsertOneResult(document.get("_id"), acknowledged=True)

    async def _count_insert_many(self, documents: list[dict[str, Any]], *_: Any, **__: Any) -> InsertManyResult:
        held = list(documents)
        self._plan("insert_many", len(held))
        return InsertManyResult([each.get("_id") for each in held], acknowledged=True)

    async def _count_update_one(self, filter: dict[str, Any], *_: Any, **__: Any) -> UpdateResult:
        return await self._matched("update_one", filter, limit=1)

    async def _count_update_many(self, filter: dict[str, Any], *_: Any, **__: Any) -> UpdateResult:
        return await self._matched("update_many", filter)

    async def _count_replace_one(self, filter: dict[str, Any], *_: Any, **__: Any) -> UpdateResult:
        return await self._matched("replace_one", filter, limit=1)

    async def _count_delete_one(self, filter: dict[str, Any], *_: Any, **__: Any) -> DeleteResult:
        found = await self._matched("delete_one", filter, limit=1)
        return DeleteResult({"n": found.matched_count}, acknowledged=True)

    async def _count_delete_many(self, filter: dict[str, Any], *_: Any, **__: Any) -> DeleteResult:
        found = await self._matched("delete_many", filter)
        return DeleteResult({"n": found.matched_count}, acknowledged=True)

    async def _matched(self, name: str, filter_: dict[str, Any], limit: int = 0) -> UpdateResult:
        options: dict[str, Any] = {"limit": limit} if limit else {}
        count = await self.raw.count_documents(filter_, **options)
        self._plan(name, count)
        return UpdateResult({"n": count, "nModified": 0}, acknowledged=True)

    def _plan(self, name: str, count: int) -> None:
        label = f"{name} on {self.raw.name}"
        self.steps.planned.append(PlannedStep(label, "code", count, "code of the migration's own", self.raw.name))

    def _refused(self, name: str) -> RefusedOperation:
        return RefusedOperation(
            f"{self.steps.migration}: a dry run cannot tell what {name} on {self.raw.name} would do, so it is refused.",
            hint="Ask `m.dry_run` and leave it out, or put it into `await m.once(label, work)`.",
            collection=self.raw.name,
        )


@dataclass(frozen=True)
class MigrationDatabase:
    """The raw database; in a dry run one that writes nothing."""

    raw: Any
    steps: StepRunner

    def __getitem__(self, name: str) -> MigrationCollection:
        return MigrationCollection(self.steps.stored(name), self.steps)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.raw.name)

    def get_collection(self, name: str) -> MigrationCollection:
        """A collection; its concerns are those of the connection."""
        return self[name]

    async def command(self, command: Any, *arguments: Any, **options: Any) -> Any:
        """As PyMongo's; in a dry run only commands that read are sent."""
        name = command if isinstance(command, str) else next(iter(command))
        if self.steps.dry and str(name).lower() not in _READING_COMMANDS:
            raise RefusedOperation(
                f"{self.steps.migration}: the command {name} is not sent in a dry run.",
                hint="Ask `m.dry_run` and leave it out, or put it into `await m.once(label, work)`.",
            )
        return await self.raw.command(command, *arguments, **options)

    async def list_collection_names(self, **options: Any) -> list[str]:
        """As PyMongo's."""
        return list(await self.raw.list_collection_names(**options))

    def __getattr__(self, name: str) -> Any:
        if self.steps.dry:
            raise RefusedOperation(
                f"{self.steps.migration}: database.{name} is not offered in a dry run.",
                hint="Ask `m.dry_run` and leave it out, or put it into `await m.once(label, work)`.",
            )
        return getattr(self.raw, name)


def _with_session(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        options.setdefault("session", current_session())
        return method(*arguments, **options)

    return call


def _checked(method: Callable[..., Awaitable[Any]], steps: StepRunner) -> Callable[..., Awaitable[Any]]:
    async def call(*arguments: Any, **options: Any) -> Any:
        steps.check()
        return await method(*arguments, **options)

    return call
