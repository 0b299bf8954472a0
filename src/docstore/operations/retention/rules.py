"""Every rule of a set of models, and of the rows that mechanisms keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from docstore.documents import Aged, StoredDocument, SystemDocument
from docstore.errors import SettingsError
from docstore.models import QueryLog
from docstore.models.operations import QUERY_LOG_SECONDS
from docstore.outbox import KEEP_PUBLISHED, EntryStatus, InboxEntry, OutboxEntry
from docstore.outbox.inbox import KEEP as KEEP_HANDLED

DELETED: Final = "deleted"

_OF_MECHANISMS: Final[tuple[tuple[type[StoredDocument], Aged], ...]] = (
    (QueryLog, Aged("timestamp", timedelta(seconds=QUERY_LOG_SECONDS))),
    (OutboxEntry, Aged("published_at", KEEP_PUBLISHED, {"status": EntryStatus.PUBLISHED})),
    (InboxEntry, Aged("created_at", KEEP_HANDLED)),
)
"""These have TTL indexes too; the rules work where the indexes are not built."""


@dataclass(frozen=True)
class Rule:
    """One rule of one model.

    Args:
        model: whose documents.
        name: ``deleted``, or the attribute the age counts from.
        after: how long they are kept.
        rows: they are a mechanism's rows, which nothing refers to: removed without the ceremony of a purge.
    """

    model: type[StoredDocument]
    name: str
    after: timedelta
    where: Mapping[str, Any]
    rows: bool

    def filter(self, now: datetime) -> dict[str, Any]:
        """The raw filter of documents that are to go."""
        field = "deletedAt" if self.name == DELETED else self.model.stored_name(self.name)
        conditions: dict[str, Any] = {field: {"$lt": now - self.after}}
        for attribute, wanted in self.where.items():
            values = wanted if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
            conditions[self.model.stored_name(attribute)] = {"$in": [_plain(each) for each in values]}
        return conditions


def rules_of(models: Sequence[type[Any]], *, only: Sequence[str] = ()) -> list[Rule]:
    """The rules that the models declare, then those of the mechanisms' rows.

    Args:
        models: document classes.
        only: collection names; empty for all.

    Raises:
        SettingsError: a rule names no attribute of its model, or `only` a collection without a rule.
    """
    rules = [rule for model in models if issubclass(model, StoredDocument) for rule in _declared(model)]
    known = {(rule.model, rule.name) for rule in rules}
    for model, aged in _OF_MECHANISMS:
        if model in models and (model, aged.attribute) not in known:
            rules.append(Rule(model, aged.attribute, aged.after, aged.where, rows=True))
    names = {rule.model.__name__ for rule in rules}
    if unknown := [name for name in only if name not in names]:
        raise SettingsError(
            f"There is no retention rule for {', '.join(unknown)}.",
            hint=f"Collections with rules are {', '.join(sorted(names)) or 'none'}; declare one as Model.retention.",
        )
    return [rule for rule in rules if not only or rule.model.__name__ in only]


def _declared(model: type[StoredDocument]) -> list[Rule]:
    retention = model.retention
    if retention is None:
        return []
    rows = issubclass(model, SystemDocument)
    found = []
    if retention.deleted is not None and model.soft_delete:
        found.append(Rule(model, DELETED, retention.deleted, {}, rows))
    for aged in retention.aged:
        for attribute in (aged.attribute, *aged.where):
            if attribute not in model.model_fields:
                raise SettingsError(
                    f"{model.__name__}.retention names {attribute!r}, which is none of its attributes.",
                    hint=f"Its attributes are {', '.join(model.model_fields)}.",
                    field=attribute,
                )
        found.append(Rule(model, aged.attribute, aged.after, aged.where, rows))
    return found


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
