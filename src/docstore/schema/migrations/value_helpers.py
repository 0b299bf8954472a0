"""What a migration can do to the values of fields, each with its way back.

Dotted paths lead through sub-documents and, where it says so, through lists of them. All documents are meant, deleted
ones too. Done twice, each does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docstore.errors import MigrationError
from docstore.schema.migrations.conditions import filter_any, top_level
from docstore.schema.migrations.conversions import TYPES_OF
from docstore.schema.migrations.document_helpers import DocumentHelpers
from docstore.schema.migrations.document_steps import DocumentStep, OnError
from docstore.schema.migrations.field_changes import (
    converting,
    merging,
    nullifying,
    replacing,
    splitting,
    text_joiner,
    text_splitter,
    tolerant,
)
from docstore.schema.migrations.values import Row

_SET = {"$exists": True}  # and not `$ne: None`, which leaves out lists that hold a null


class ValueHelpers(DocumentHelpers):
    """The helpers for values; see `Migration`."""

    async def convert_type(
        self,
        collection: str,
        field: str,
        to: str,
        *,
        was: str | None = None,
        on_error: OnError = "stop",
        function: Callable[[Any], Any] | None = None,
        backward: Callable[[Any], Any] | None = None,
    ) -> None:
        """Convert a field's values. The way back is ``convert_type`` to the type they had.

        Null and missing stay. Of a list each element is converted, unless `to` or `was` is "array": then it is the one
        value in a list, or out of it. Values that do not survive the way there and back are kept: going back is exact.

        Args:
            collection: its name.
            field: dotted path, through lists too.
            to: string, int, double, bool, date (text in ISO form, numbers in milliseconds), objectId, decimal, array.
            was: the type they have now, which is what `down` converts to; given, only what does not survive the way
                there and back is kept, else every changed value.
            on_error: "stop" names the values that cannot be converted before any is, "skip" leaves them, "null" puts
                null for them.
            function: converts a value instead; it may raise Unconvertible.
            backward: leads back from what `function` makes.

        Raises:
            MigrationFailed: with on_error="stop", values that cannot be converted.
            MigrationError: there is no such type.
        """
        for name in (to, was):
            if name is not None and name not in TYPES_OF:
                raise MigrationError(
                    f"convert_type of {collection}.{field}: there is no type {name!r}.",
                    hint=f"Types are {', '.join(TYPES_OF)}.",
                )
        forward = converting(field, to, was, function)
        back = converting(field, was, to, backward) if was is not None else None
        step = DocumentStep(
            f"convert_type {collection}.{field} to {to}",
            collection,
            {field: _SET},
            top_level(field),
            change=forward,
            keep="inexact" if back is not None else "changed",
            backward=tolerant(back) if back is not None else None,
            on_error=on_error,
            nullify=nullifying(field, to, was, function),
        )
        inverse = f"convert_type {collection}.{field} to {was}" if was is not None else None
        await self._invertible(step, f"type {field}", inverse)

    async def rename_value(self, collection: str, field: str, values: Mapping[Any, Any], *, keep: bool = False) -> None:
        """Rename values of a field, such as of an enum. The way back is ``rename_value`` the other way round.

        Args:
            collection: its name.
            field: dotted path, through lists too; of a list each element.
            values: new value by old one. Several may become one: which they were is kept.
            keep: whether every changed value is kept, not only what the other way round cannot lead back to; then the
                way back is `undo_rename_value`. For values that become one that was there before.
        """
        pairs = ", ".join(f"{old} -> {new}" for old, new in values.items())
        turned = ", ".join(f"{new} -> {old}" for old, new in values.items())
        backwards = {new: old for old, new in values.items()}
        chosen = [*values, *(backwards if self._up and not keep else ())]
        step = DocumentStep(
            f"rename_value {collection}.{field}: {pairs}",
            collection,
            {field: {"$in": chosen}},
            top_level(field),
            change=replacing(field, values),
            backward=replacing(field, backwards),
            keep="changed" if keep else "inexact",
        )
        key = f"kept values {field}" if keep else f"values {field}"
        await self._invertible(step, key, f"rename_value {collection}.{field}: {turned}")

    async def undo_rename_value(self, collection: str, field: str) -> None:
        """Take back every `rename_value` of this field with keep=True: each document that was changed gets its value
        back, and no other."""
        await self._undo_all(f"undo_rename_value {collection}.{field}", f"kept values {field}", collection)

    async def undo_convert_type(self, collection: str, field: str) -> None:
        """Take back `convert_type` of this field: each document that was changed gets its value back."""
        await self._undo_all(f"undo_convert_type {collection}.{field}", f"type {field}", collection)

    async def split_field(
        self,
        collection: str,
        field: str,
        into: Sequence[str],
        *,
        separator: str = " ",
        function: Callable[[Any], Sequence[Any]] | None = None,
        join: Callable[[Sequence[Any]], Any] | None = None,
    ) -> None:
        """Split a field into several. The way back is `merge_fields` with the same names.

        Args:
            collection: its name.
            field: dotted path; it is gone afterwards. Null and missing are left.
            into: dotted paths; what has no part gets null.
            separator: where text is split: at its first places, so that the last part takes the rest.
            function: splits the value instead, into as many parts.
            join: leads back from the parts; by default joins text with the separator.
        """
        forward = splitting(field, into, function or text_splitter(separator, len(into)))
        step = DocumentStep(
            f"split_field {collection}.{field} -> {', '.join(into)}",
            collection,
            filter_any({field: _SET}, *({path: {"$exists": True}} for path in into)) if self._up else {field: _SET},
            top_level(field, *into),
            change=forward,
            backward=merging(into, field, join or text_joiner(separator)),
            keep="inexact",
        )
        inverse = f"merge_fields {collection}: {', '.join(into)} -> {field}"
        await self._invertible(step, f"split {field}", inverse)

    async def merge_fields(
        self,
        collection: str,
        fields: Sequence[str],
        into: str,
        *,
        separator: str = " ",
        function: Callable[[Sequence[Any]], Any] | None = None,
        split: Callable[[Any], Sequence[Any]] | None = None,
    ) -> None:
        """Merge several fields into one. The way back is `split_field` with the same names.

        Args:
            collection: its name.
            fields: dotted paths; they are gone afterwards. Documents with none of them are left.
            into: dotted path.
            separator: between the parts that are there.
            function: merges the values instead; MISSING ones come as None.
            split: leads back; by default splits text at the separator.
        """
        there = [{path: {"$exists": True}} for path in fields]
        step = DocumentStep(
            f"merge_fields {collection}: {', '.join(fields)} -> {into}",
            collection,
            filter_any(*there, {into: {"$exists": True}}) if self._up else filter_any(*there),
            top_level(into, *fields),
            change=merging(fields, into, function or text_joiner(separator)),
            backward=splitting(into, fields, split or text_splitter(separator, len(fields))),
            keep="inexact",
        )
        inverse = f"split_field {collection}.{into} -> {', '.join(fields)}"
        await self._invertible(step, f"split {into}", inverse)

    async def transform(
        self,
        collection: str,
        name: str,
        function: Callable[[Row], None],
        *,
        where: Mapping[str, Any] | None = None,
        fields: Sequence[str] = (),
        keep: bool = True,
    ) -> None:
        """Change documents by a function of your own. The way back is `undo_transform` with the same name.

        Args:
            collection: its name.
            name: what it does, in a word or two; the same in both directions.
            function: changes a document in place. It may be called again for the same document when that changed
                meanwhile, and must do nothing to one that is changed already. It may raise Unconvertible.
            where: only these documents; all when None.
            fields: the top-level fields it looks at; all when empty.
            keep: whether what it changes is kept for the way back: not where it must not be kept.
        """
        step = DocumentStep(
            f"transform {collection}: {name}",
            collection,
            dict(where or {}),
            tuple(fields),
            change=function,
            keep="changed" if keep else None,
        )
        if self._up and keep:
            await self._steps.flips(f"{step.label} (as before)", f"transform {name}", collection, way="redo")
        await self._steps.documents(step, key=f"transform {name}")

    async def undo_transform(self, collection: str, name: str) -> None:
        """Take back what `transform` of this name changed; documents changed since are left."""
        await self._steps.flips(
            f"undo_transform {collection}: {name}",
            f"transform {name}",
            collection,
            way="undo" if not self._up else "redo",
            inverse=f"transform {collection}: {name}",
        )
