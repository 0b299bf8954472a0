"""What a migration can do to fields: name them anew, fill them, take them out; each with its exact way back.

Dotted paths lead through sub-documents and, where it says so, through lists of them. All documents are meant, deleted
ones too. Done twice, each does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from docstore.errors import MigrationError
from docstore.schema.migrations.conditions import filter_any, top_level
from docstore.schema.migrations.document_helpers import DocumentHelpers
from docstore.schema.migrations.document_steps import DocumentStep
from docstore.schema.migrations.field_changes import dropping, filling, moving
from docstore.schema.migrations.sessions import current_session
from docstore.schema.migrations.values import MISSING, Row, copied

Filter = Mapping[str, Any]
_BY_SERVER = " (by the server)"


class FieldHelpers(DocumentHelpers):
    """The helpers for fields; see `Migration`."""

    async def rename_field(self, collection: str, old: str, new: str) -> None:
        """Rename or move a field. The way back is ``rename_field(collection, new, old)``.

        Where a document has both, the new one stays; going back, the old one returns with its value.

        Args:
            collection: its name.
            old: dotted path; through lists, when only the last name changes: ``items.cost`` to ``items.price``.
            new: dotted path.
        """
        _refuse_overlap(old, new)
        label = f"rename_field {collection} {old} -> {new}"
        inverse = f"rename_field {collection} {new} -> {old}"
        key = f"rename {' '.join(sorted((old, new)))}"
        if self._steps.skips(inverse):
            return
        change = moving(old, new, wins="new" if self._up else "old")
        if self._up and await self._plain_rename(collection, old, new):
            where = {old: {"$exists": True}, new: {"$exists": False}}
            plain = DocumentStep(label + _BY_SERVER, collection, where, change=change, update={"$rename": {old: new}})
            await self._steps.documents(plain)
            return
        either = filter_any({old: {"$exists": True}}, {new: {"$exists": True}})
        where = either if self._up else {old: {"$exists": True}}
        await self._invertible(
            DocumentStep(
                label,
                collection,
                where,
                top_level(old, new),
                change=change,
                keep="inexact",
                backward=moving(new, old, wins="old"),
            ),
            key,
            inverse,
        )

    async def backfill(
        self,
        collection: str,
        field: str,
        value: Any = MISSING,
        *,
        function: Callable[[Row], Any] | None = None,
        expression: Any = MISSING,
        where: Filter | None = None,
        nulls: bool = True,
    ) -> None:
        """Give a field a value where it has none. The way back is `undo_backfill`.

        Args:
            collection: its name.
            field: dotted path.
            value: the same for all; or
            function: makes it from the document, which it must not change; or
            expression: an aggregation expression, such as ``{"$toLower": "$email"}``.
            where: only these documents.
            nulls: whether null counts as no value.

        Raises:
            MigrationError: not exactly one of value, function and expression is given.
        """
        given = (value is not MISSING, function is not None, expression is not MISSING)
        if sum(given) != 1:
            raise MigrationError(
                f"backfill of {collection}.{field} needs a value, a function or an expression.",
                hint="Give exactly one of them.",
            )
        empty: Filter = {field: None} if nulls else {field: {"$exists": False}}
        chosen = {"$and": [dict(where), dict(empty)]} if where else dict(empty)
        key = f"fill {field}"
        label = f"backfill {collection}.{field}"
        if self._up:
            await self._steps.flips(f"{label} (as before)", key, collection, way="redo")
        step = DocumentStep(
            label,
            collection,
            chosen,
            () if function is not None else top_level(field),
            change=filling(field, function or (lambda _: copied(value)), nulls=nulls),
            stages=[{"$set": {field: expression}}] if expression is not MISSING else (),
            keep="changed" if self._up else None,
            fills=(field, value) if value is not MISSING and "." not in field and not where else None,
        )
        await self._steps.documents(step, key=key)

    async def undo_backfill(self, collection: str, field: str) -> None:
        """Take back what `backfill` or `set_default` of the same field filled in; values changed since are left."""
        await self._steps.flips(
            f"undo_backfill {collection}.{field}",
            f"fill {field}",
            collection,
            way="undo" if not self._up else "redo",
            inverse=f"backfill {collection}.{field}",
        )

    async def set_default(self, collection: str, field: str, value: Any) -> None:
        """Give a field a value where it is missing; null is left. The way back is `undo_backfill`."""
        await self.backfill(collection, field, value, nulls=False)

    async def drop_field(self, collection: str, field: str, *, keep: bool = True) -> None:
        """Remove a field. The way back is `restore_field`.

        Args:
            collection: its name.
            field: dotted path, through lists too.
            keep: whether its values are kept for the way back; `docstore migrate forget` removes them.
        """
        plain = not keep and "." not in field
        await self._steps.documents(
            DocumentStep(
                f"drop_field {collection}.{field}",
                collection,
                {field: {"$exists": True}},
                top_level(field),
                change=dropping(field),
                update={"$unset": {field: ""}} if plain else None,
                keep="changed" if keep else None,
            ),
            key=f"drop {field}",
        )

    async def restore_field(self, collection: str, field: str) -> None:
        """Bring back the values that `drop_field` of the same field kept; values set since are left."""
        await self._steps.flips(
            f"restore_field {collection}.{field}",
            f"drop {field}",
            collection,
            way="undo" if not self._up else "redo",
            again=False,
            inverse=f"drop_field {collection}.{field}",
        )

    async def _plain_rename(self, collection: str, old: str, new: str) -> bool:
        """Whether the server can rename by itself: nobody has the new field yet, and no list is on the way."""
        if "." in old or "." in new:
            return False
        # Once it has begun, what was renamed has it, so only the first look tells.
        begun = self._steps.begun_label
        if begun is not None:
            return begun.endswith(_BY_SERVER)
        found = self._steps.stored(collection).find_one({new: {"$exists": True}}, {"_id": 1}, session=current_session())
        return await found is None


def _refuse_overlap(old: str, new: str) -> None:
    if old == new or old.startswith(f"{new}.") or new.startswith(f"{old}."):
        raise MigrationError(
            f"{old} cannot be renamed to {new}: one is inside the other.", hint="Go by a third name, in two steps."
        )
