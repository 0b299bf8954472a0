"""What a migration can do to collections, indexes and validators. Each looks first whether it is done already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pymongo import IndexModel
from pymongo.errors import OperationFailure

from docstore.errors import MigrationError, ServiceError, UniqueViolation
from docstore.schema.indexes.duplicates import duplicates, shared
from docstore.schema.migrations.moved_collections import MovedRules, aside_name, options_of
from docstore.schema.migrations.steps import StepRunner
from docstore.schema.normal import canonical
from docstore.schema.snapshot import read_snapshot
from docstore.schema.specs import IndexSpec, reported_specs

Keys = Sequence[tuple[str, int | str]] | Mapping[str, int | str]
Action = Literal["warn", "error"]

_NOT_FOUND = 26


class StructureHelpers:
    """The helpers for structure; see `Migration`. None of them can be part of a transaction."""

    _steps: StepRunner
    _action: Action | Literal["off"]
    _directory: Path | None

    async def create_collection(self, name: str, **options: Any) -> None:
        """Make a collection, unless it is there, or bring back what its `drop_collection` put aside on the way back.

        The way back is `drop_collection`.

        Args:
            name: its name.
            options: as MongoDB's ``create`` takes them, such as ``capped`` or ``collation``.
        """

        async def act() -> None:
            if await self._missing(self._aside(name)):
                await self._steps.database.create_collection(name, **options)
            else:
                await self._rename(self._aside(name), name)

        await self._steps.structure(
            f"create_collection {name}",
            act,
            needed=lambda: self._missing(name),
            inverse=f"drop_collection {name}",
            moves=MovedRules(self._steps, self._aside(name), name),
        )

    async def drop_collection(self, name: str, *, keep: bool = True) -> None:
        """Take a collection away. The way back is `restore_collection`; it is itself that of `create_collection`.

        Args:
            name: its name.
            keep: whether it is only put aside, under another name; `docstore migrate forget` drops it for good.
        """
        aside = self._aside(name)

        async def act() -> None:
            # On the way back an empty one is as it was before: nothing that would have to be kept.
            empty = await self._steps.database[name].find_one({}, {"_id": 1}) is None
            if keep and (not empty or self._steps.direction == "up"):
                await self._rename(name, aside)
            else:
                await self._steps.database.drop_collection(name)

        async def needed() -> bool:
            return not await self._missing(name)

        await self._steps.structure(
            f"drop_collection {name}",
            act,
            needed=needed,
            inverse=f"create_collection {name}",
            detail=f"put aside as {aside}" if keep else "for good",
            moves=MovedRules(self._steps, name, aside),
        )

    async def restore_collection(self, name: str) -> None:
        """Bring back a collection that `drop_collection` put aside; an empty one when it was empty or is not there."""
        aside = self._aside(name)

        async def act() -> None:
            if await self._missing(aside):
                await self._steps.database.create_collection(name)
            else:
                await self._rename(aside, name)

        await self._steps.structure(
            f"restore_collection {name}",
            act,
            needed=lambda: self._missing(name),
            inverse=f"drop_collection {name}",
            moves=MovedRules(self._steps, aside, name),
        )

    async def rename_collection(self, old: str, new: str) -> None:
        """Rename a collection, with its indexes and its validator. The way back is the other way round.

        Raises:
            MigrationError: both hold documents.
        """

        async def act() -> None:
            await self._rename(old, new)

        async def needed() -> bool:
            if await self._missing(old):
                return False
            if not await self._missing(new):
                await self._make_room(old, new)
            return True

        await self._steps.structure(
            f"rename_collection {old} -> {new}",
            act,
            needed=needed,
            inverse=f"rename_collection {new} -> {old}",
            moves=MovedRules(self._steps, old, new),
        )
        if self._steps.dry and not await self._missing(old):
            self._steps.renamed[new] = self._steps.stored(old).name

    async def create_index(self, collection: str, keys: Keys, *, name: str, **options: Any) -> None:
        """Build an index, unless there is one that does the same. The way back is `drop_index`.

        Args:
            collection: its name.
            keys: (stored field, direction or kind) in order.
            name: the index's name.
            options: ``unique``, ``partialFilterExpression``, ``expireAfterSeconds``, ``collation``, …

        Raises:
            UniqueViolation: documents share the values of a unique index; names them by id.
            MigrationError: an index of this name, or on these keys, is something else.
        """
        pairs = tuple(keys.items() if isinstance(keys, Mapping) else keys)
        (wanted,) = reported_specs([{"name": name, "key": dict(pairs), **options}])

        async def act() -> None:
            await self._build(collection, wanted, {**options, "name": name})

        async def needed() -> bool:
            return not any(each.does_the_same(wanted) for each in await self._indexes(collection))

        detail = f"on {', '.join(f'{field} {way}' for field, way in pairs)}"
        if options.get("unique") and self._steps.counting and not self._changes(collection):
            groups = await duplicates(self._steps.stored(collection), wanted)
            told = "; ".join(", ".join(group) for group in groups)
            detail += f"; cannot be built, documents share the values: {told}" if groups else ""
        await self._steps.structure(
            f"create_index {collection} {name}",
            act,
            needed=needed,
            inverse=f"drop_index {collection} {name}",
            detail=detail,
        )

    async def drop_index(self, collection: str, name: str) -> None:
        """Drop an index, if it is there. The way back is `create_index`."""

        async def act() -> None:
            await self._steps.database[collection].drop_index(name)

        async def needed() -> bool:
            return any(each.name == name for each in await self._indexes(collection))

        await self._steps.structure(
            f"drop_index {collection} {name}", act, needed=needed, inverse=f"create_index {collection} {name}"
        )

    async def set_validator(
        self,
        collection: str,
        validator: Mapping[str, Any] | str | None,
        *,
        named: str | None = None,
        action: Action | None = None,
    ) -> None:
        """Give a collection a validator, or take it away with None. The way back is the one before.

        Args:
            collection: its name; it is made when it is missing.
            validator: ``{"$jsonSchema": ...}``, or the number of a snapshot that holds it.
            named: what the collection is called in the snapshot, when it was called otherwise then.
            action: whether writes that break it are refused or only logged; what the settings say when None. With
                VALIDATORS=off in the settings, none is set.
        """
        if self._steps.skips(f"set_validator {collection}"):
            return
        chosen = action or self._action
        rules = self._rules(named or collection, validator)
        wanted: dict[str, Any] = {
            "validator": rules,
            "validationLevel": "moderate" if rules else "off",
            "validationAction": chosen if chosen != "off" else "warn",
        }

        async def act() -> None:
            if await self._missing(collection):
                await self._steps.database.create_collection(collection)
            await self._steps.database.command({"collMod": collection, **wanted})

        async def needed() -> bool:
            held = await self._options(collection)
            if not rules or chosen == "off":
                return bool(held.get("validator")) and not rules
            return any(canonical(held.get(name)) != canonical(each) for name, each in wanted.items())

        unfit = await self._unfit(collection, rules) if self._steps.counting and chosen != "off" else 0
        told = f"; documents that do not fit: {unfit:,}, see docstore schema check --only {collection}" if unfit else ""
        detail = f"action: {chosen}{told}"
        await self._steps.structure(f"set_validator {collection}", act, needed=needed, detail=detail)

    async def _unfit(self, collection: str, rules: Mapping[str, Any]) -> int:
        """How many documents a validator is broken by, where no step before it will have changed them."""
        if not rules or self._changes(collection):
            return 0
        return await self._steps.stored(collection).count_documents({"$nor": [dict(rules)]})

    def _changes(self, collection: str) -> bool:
        """Whether a planned step changes documents, so that how they are says nothing of how they will be."""
        return any(step.collection == collection and step.documents for step in self._steps.planned)

    def _rules(self, collection: str, validator: Mapping[str, Any] | str | None) -> dict[str, Any]:
        if not isinstance(validator, str):
            return dict(validator or {})
        if self._directory is None:
            raise MigrationError("there is no snapshot to take a validator from.", hint="Give the validator itself.")
        held = read_snapshot(self._directory, validator).collections.get(collection)
        if held is None:
            raise MigrationError(
                f"snapshot {validator} has no collection {collection}.", hint="Name another snapshot, or the validator."
            )
        return dict(held.validator)

    @property
    def _again(self) -> str:
        return f"docstore migrate {self._steps.direction}"

    async def _build(self, collection: str, wanted: IndexSpec, options: Mapping[str, Any]) -> None:
        documents = self._steps.database[collection]
        for held in await self._indexes(collection):
            if held.clashes_with(wanted):
                raise MigrationError(
                    f"{collection} has an index {held.name} that stands in the way of {wanted.name}.",
                    hint=f'Drop it first: await m.drop_index("{collection}", "{held.name}").',
                    collection=collection,
                )
        if options.get("unique"):
            groups = await duplicates(documents, wanted)
            if groups:
                told = shared(collection, wanted, groups)
                hint = f"Keep one of each group, delete the others, and run `{self._again}` again."
                raise UniqueViolation(told.message, hint=hint, collection=collection, field=told.field)
        try:
            await documents.create_indexes([IndexModel(list(wanted.keys), **options)])
        except OperationFailure as error:
            raise ServiceError(
                f"the server refused index {wanted.name} of {collection} with error code {error.code}.",
                hint="Look at its keys and options.",
                collection=collection,
            ) from error

    async def _indexes(self, collection: str) -> tuple[IndexSpec, ...]:
        try:
            return reported_specs(await (await self._steps.stored(collection).list_indexes()).to_list())
        except OperationFailure as error:
            if error.code != _NOT_FOUND:
                raise
            return ()

    async def _missing(self, name: str) -> bool:
        there = self._steps.stored(name).name
        return there not in await self._steps.database.list_collection_names(filter={"name": there})

    async def _options(self, name: str) -> dict[str, Any]:
        return await options_of(self._steps, name)

    async def _rename(self, old: str, new: str) -> None:
        await self._steps.database[old].rename(new)

    async def _make_room(self, old: str, new: str) -> None:
        """Drop an empty collection in the way, as one that was made for its indexes or that a reader left."""
        documents = self._steps.database[new]
        if await documents.find_one({}, {"_id": 1}) is not None:
            raise MigrationError(
                f"{old} cannot be renamed to {new}: there is a collection {new} with documents already.",
                hint="Move its documents first, in code of the migration's own.",
                collection=new,
            )
        if not self._steps.dry:
            await documents.drop()

    def _aside(self, name: str) -> str:
        return aside_name(self._steps.migration, name)
