"""What a server has, read once: its collections, their indexes, and the plan that follows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pymongo.errors import OperationFailure

from docstore.documents import translated
from docstore.errors import ServiceError
from docstore.schema.collections import Database, collection_options, existing_collections
from docstore.schema.indexes.plan import Collection, IndexPlan, IndexStep, Pruning, Way, steps_for
from docstore.schema.specs import by_collection, declared_specs, reported_specs

_AT_ONCE: Final = 8
_NO_SUCH_COLLECTION: Final = 26


async def index_plan(database: Database, models: Sequence[type[Any]], *, pruning: Pruning = Pruning.KEEP) -> IndexPlan:
    """What has to happen so that the database has the indexes the models declare; nothing is changed.

    Args:
        database: the raw database.
        models: document classes, bound or not.
        pruning: what is to become of indexes that no model declares.

    Raises:
        ServerUnavailable: the database does not answer.
        ServiceError: it refuses to list its indexes.
    """
    sharing = by_collection(models)
    options = await existing_collections(database, list(sharing))
    limit = asyncio.Semaphore(_AT_ONCE)

    async def steps_of(name: str) -> list[IndexStep]:
        declared = declared_specs(*sharing[name])
        if name not in options:
            return steps_for(Collection(name), declared, pruning)
        async with limit:
            found = await _collection(database, name, options[name])
            steps = steps_for(found, declared, pruning)
            if any(step.way is Way.ANEW for step in steps):  # how large it is matters, and may take long to tell
                steps = steps_for(await _counted(database, found), declared, pruning)
            return steps

    steps = [step for each in await asyncio.gather(*map(steps_of, sharing)) for step in each]
    missing = {name: collection_options(sharing[name]) for name in sharing if name not in options}
    return IndexPlan(tuple(steps), missing)


async def _collection(database: Database, name: str, options: Mapping[str, Any]) -> Collection:
    collection = database[name]
    with translated(name):
        try:
            found = reported_specs(await (await collection.list_indexes()).to_list())
        except OperationFailure as error:
            if error.code == _NO_SUCH_COLLECTION:  # dropped meanwhile
                return Collection(name)
            raise _refused(name, error) from error
    return Collection(name, found, options.get("collation"))


async def _counted(database: Database, found: Collection) -> Collection:
    with translated(found.name):
        return replace(found, documents=await database[found.name].estimated_document_count())


def _refused(name: str, error: OperationFailure) -> ServiceError:
    return ServiceError(
        f"the server refused to list the indexes of {name} with error code {error.code}.",
        hint="The user needs the role dbAdmin, or readWrite, on the database.",
        collection=name,
    )
