"""What a step makes of one document: the update, and what is kept of it for the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bson import encode
from pymongo import UpdateOne

from docstore.errors import MigrationFailed
from docstore.schema.migrations.document_steps import DocumentStep, Problems, Unconvertible
from docstore.schema.migrations.kept import Item
from docstore.schema.migrations.values import MISSING, Row, copied, difference, state_of

_NO_VALUE: Final = {True: {"$type": "null"}, False: {"$exists": False}}
"""The filter of a field without a value, by whether it is there."""


@dataclass
class Batch:
    """What one batch came to."""

    updates: list[UpdateOne] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    size: int = 0
    changed: int = 0


class BatchChanges:
    """Works out the changes of documents, and gathers those that cannot be made.

    Args:
        step: what is to happen.
        keeps: whether earlier states are kept.
        guarded: whether an update has to find the document as it was listed.
    """

    def __init__(self, step: DocumentStep, *, keeps: bool, guarded: bool) -> None:
        self._step = step
        self._keeps = keeps
        self._guarded = guarded
        self.problems = Problems()

    def add(self, batch: Batch, document: Row, computed: Mapping[str, Row]) -> None:
        """Add to a batch what becomes of a document.

        Args:
            batch: what is written together.
            document: as it was read.
            computed: what the step's stages make of documents, by their ids.

        Raises:
            MigrationFailed: its value cannot be converted, or its id would change.
        """
        step = self._step
        if step.update is not None and not self._keeps:
            batch.updates.append(UpdateOne({"_id": document["_id"]}, dict(step.update)))
            return
        if step.fills is not None:
            self._fill(batch, document, *step.fills)
            return
        new = copied(document)
        if step.stages:
            made = computed.get(repr(document["_id"]), document)
            new = {**new, **{name: made[name] for name in made if not step.fields or name in step.fields}}
        elif step.change is not None:
            try:
                step.change(new)
            except Unconvertible as error:
                self._refused(document, new, error)
        change = difference(document, new)
        if "_id" in change.was:
            raise MigrationFailed(
                f"{step.label}: it changes the _id of {step.collection} {document['_id']}.",
                hint="Insert a document with the new id and delete the old one, in code of the migration's own.",
            )
        item = self._item(document, new, change.was)
        if item is not None:
            batch.items.append(item)
            batch.size += len(encode({path: value for path, value in item[1].items() if value is not MISSING}))
        if change:
            update = change.update()
            batch.size += len(encode(update))
            batch.updates.append(UpdateOne({"_id": document["_id"]}, update))

    def _fill(self, batch: Batch, document: Row, field: str, value: Any) -> None:
        """As `_change`, where all that can be is known beforehand."""
        was = document.get(field, MISSING)
        if was is not MISSING and (was is not None or value is None):
            return  # null already, or a list with a null in it, which a filter for null finds, too
        guard = {field: _NO_VALUE[field in document]} if self._guarded else {}
        batch.updates.append(UpdateOne({"_id": document["_id"], **guard}, {"$set": {field: value}}))
        if self._keeps:
            batch.items.append((document["_id"], {field: was}, {field: value}))

    def _refused(self, document: Row, new: Row, error: Unconvertible) -> None:
        if self._step.on_error == "stop":
            raise MigrationFailed(
                f"{self._step.label}: {self._step.collection} {document['_id']}: {error}.",
                hint='Mend the document, or say on_error="skip" or on_error="null".',
                collection=self._step.collection,
            ) from error
        self.problems.add(document["_id"], error)
        new.clear()
        new.update(copied(document))
        if self._step.on_error == "null" and self._step.nullify is not None:
            self._step.nullify(new)

    def _item(self, old: Row, new: Row, changed: Mapping[str, Any]) -> Item | None:
        if not self._keeps:
            return None
        paths = list(changed)
        if self._step.keep == "inexact" and self._step.backward is not None:
            back = copied(new)
            self._step.backward(back)
            inexact = difference(back, old).was
            if not inexact:
                return None
            paths = _outermost([*paths, *inexact])
        return (old["_id"], state_of(old, paths), state_of(new, paths)) if paths else None


def _outermost(paths: Sequence[str]) -> list[str]:
    unique = list(dict.fromkeys(paths))
    return [path for path in unique if not any(path.startswith(f"{other}.") for other in unique)]
