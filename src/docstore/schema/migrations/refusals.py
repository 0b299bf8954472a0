"""What a step cannot convert, found before it begins."""

from __future__ import annotations

from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from docstore.errors import MigrationFailed
from docstore.schema.migrations.document_steps import DocumentStep, Problems, Unconvertible


async def refused_values(
    collection: AsyncCollection[dict[str, Any]], step: DocumentStep, *, session: Any = None
) -> Problems:
    """The documents of a collection whose values a step cannot convert, found by reading alone."""
    problems = Problems()
    if step.change is None:
        return problems
    cursor = collection.find(dict(step.where), dict.fromkeys(step.fields, 1) or None, session=session, batch_size=1000)
    async for document in cursor:
        try:
            step.change(document)
        except Unconvertible as error:
            problems.add(document["_id"], error)
    return problems


async def expect_convertible(
    collection: AsyncCollection[dict[str, Any]], step: DocumentStep, *, session: Any = None
) -> None:
    """Find every value that cannot be converted before the first is, so that nothing is left half-way.

    Raises:
        MigrationFailed: there are some, and on_error is "stop".
    """
    if step.nullify is None or step.on_error != "stop":
        return
    problems = await refused_values(collection, step, session=session)
    if problems.count:
        raise MigrationFailed(
            f"{step.label}: {problems.count} documents of {step.collection} hold a value that cannot be converted "
            f"({problems.reason}): {', '.join(problems.ids)}{' …' if problems.count > len(problems.ids) else ''}.",
            hint='Mend them, or say on_error="skip" or on_error="null" in the migration.',
            collection=step.collection,
        )
