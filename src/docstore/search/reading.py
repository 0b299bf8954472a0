"""Documents for records, read so that one that breaks its model's rules keeps no other from the index."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from docstore.documents import Document, translated, trusted

D = TypeVar("D", bound=Document)

_log = logging.getLogger("docstore.search")


def parsed(model: type[D], rows: Iterable[Mapping[str, Any]]) -> list[D]:
    """The documents of stored rows; those that break their model's rules are left out, and logged."""
    documents: list[D] = []
    for row in rows:
        try:
            documents.append(model.model_validate(row))
        except ValidationError as error:
            fields = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)}))
            _log.error(
                "%s %s has no search record: %s does not fit.",
                model.get_collection_name(),
                row["_id"],
                fields,
            )
    return documents


async def by_id(model: type[D], ids: Collection[Any], *, deleted: bool = False) -> dict[Any, D]:
    """The living documents of a model with these ids; with the deleted ones where asked."""
    if not ids:
        return {}
    return {each.id: each for each in await matching(model, {"_id": {"$in": list(ids)}}, deleted=deleted)}


async def matching(model: type[D], query: Mapping[str, Any], *, deleted: bool = False) -> list[D]:
    """The living documents that a filter of stored names matches."""
    with translated(model.get_collection_name()):
        if deleted:
            found = model.with_deleted.find(trusted(dict(query)))
            return list(await found.to_list())
        rows = await model.get_pymongo_collection().find(dict(query)).to_list()
    return parsed(model, rows)
