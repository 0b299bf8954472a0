"""A deletion carried out: in one transaction where it is small enough, else in steps that can be taken up again."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.changes import ChangeKind
from docstore.documents.fields import utc_now
from docstore.documents.guard.deletes import apply, erase
from docstore.documents.guard.predicate import LIVING, deletion_marks
from docstore.documents.guard.references import DeletionReport
from docstore.documents.integrity.bound import BATCH, BoundReferences
from docstore.documents.integrity.plan import Clearing, DeletionPlan, Taking, plan_deletion
from docstore.documents.integrity.steps import DeletionStep, Steps, StepState
from docstore.documents.transactions import current_transaction, run_in_transaction
from docstore.errors import ReferenceViolation

TRANSACTION_LIMIT = 5_000
"""Documents one deletion writes in one transaction. A server gives a transaction sixty seconds."""

_log = logging.getLogger("docstore.deletion")


async def delete(
    bound: BoundReferences,
    collection: str,
    ids: Sequence[Any],
    marks: Mapping[str, Any],
    session: AsyncClientSession,
) -> DeletionReport:
    """Delete documents and what follows from it.

    Up to TRANSACTION_LIMIT documents go in the present transaction. Beyond it the asked documents (the first
    TRANSACTION_LIMIT of them) go at once, and the rest in steps, each in a transaction of its own, as soon as the
    present one has committed; on a driver session that somebody else commits, with `resume_deletions()`.

    Raises:
        ReferenceViolation: a RESTRICT reference comes from a document that stays; nothing is written.
    """
    plan = await plan_deletion(bound, collection, ids, session)
    running = current_transaction()
    if running is not None:
        running.present.clear()
    deletion_id: ObjectId = marks["deletionId"]
    at_once, later = _divide(plan, len(ids))
    await _carry_out(bound, at_once, marks, session)
    if later:
        await Steps(bound.database).write(deletion_id, later, marks, session)
        if running is not None and running.owned:

            async def go_on() -> None:
                await take_steps(bound, deletion_id)

            running.after_commit(go_on)
    return DeletionReport(deletion_id, plan.deleted(), plan.set_null(), in_steps=bool(later))


async def take_steps(bound: BoundReferences, deletion_id: ObjectId) -> bool:
    """Take the remaining steps of a deletion, each in a transaction of its own.

    Returns:
        Whether it has come to its end; False when something new that restricts it stands in its way.
    """
    steps = Steps(bound.database)
    for row in await steps.unfinished(deletion_id, None):
        try:
            await run_in_transaction(partial(_take, bound, steps, row), client=bound.database.client)
        except ReferenceViolation as error:
            told = {"state": StepState.BLOCKED.value, "problem": str(error), "updatedAt": utc_now()}
            await steps.rows.update_one({"_id": row["_id"]}, {"$set": told})
            _log.warning("deletion %s is blocked: %s", deletion_id, error)
            return False
    return True


async def resume_deletions() -> dict[ObjectId, bool]:
    """Go on with every deletion that was too large for one transaction and was interrupted or blocked.

    Safe to call at any time, from several processes: a step is taken once.

    Returns:
        The deletions found, and whether each has come to its end now.

    Raises:
        NotBound: no Store is open.
    """
    bound = DeletionStep.get_pymongo_collection().database.registry.references
    if not isinstance(bound, BoundReferences):
        return {}
    found = await Steps(bound.database).unfinished_deletions()
    return {deletion_id: await take_steps(bound, deletion_id) for deletion_id in found}


def _divide(plan: DeletionPlan, asked: int) -> tuple[DeletionPlan, list[Taking | Clearing]]:
    """What is done at once, and the steps that remain."""
    if plan.size <= TRANSACTION_LIMIT:
        return plan, []
    asked_takings = -(-asked // BATCH)
    first = max(1, min(asked_takings, TRANSACTION_LIMIT // BATCH))
    others, cascade = plan.takings[first:asked_takings], plan.takings[asked_takings:]
    # From the outside in: what a step takes has no living children any more, but for those that are new.
    return DeletionPlan(plan.takings[:first], []), [*others, *plan.clearings, *reversed(cascade)]


async def _carry_out(
    bound: BoundReferences, plan: DeletionPlan, marks: Mapping[str, Any], session: AsyncClientSession
) -> None:
    for taking in plan.takings:
        await _take_documents(bound, taking, marks, session)
    steps = Steps(bound.database)
    for clearing in plan.clearings:
        await steps.remember(marks["deletionId"], clearing, session)
        await clear(bound, clearing.edge.source, clearing.edge.field, clearing.ids, clearing.values, session)


async def _take_documents(
    bound: BoundReferences, taking: Taking, marks: Mapping[str, Any], session: AsyncClientSession
) -> None:
    writer = bound.writer(taking.collection)
    if bound.marks(taking.collection):
        await apply(writer, taking.ids, LIVING, {"$set": dict(marks)}, session, ChangeKind.DELETE)
    else:
        await erase(writer, taking.ids, session, ChangeKind.DELETE)


async def clear(
    bound: BoundReferences,
    collection: str,
    field: str,
    ids: Sequence[Any],
    values: Sequence[Any],
    session: AsyncClientSession,
) -> None:
    """Clear a reference of documents where it still leads to one of `values`."""
    condition = {field: {"$in": list(dict.fromkeys(values))}}
    update = {"$set": {field: None, "updatedAt": utc_now()}}
    await apply(bound.writer(collection), ids, condition, update, session, ChangeKind.UPDATE)


async def _take(bound: BoundReferences, steps: Steps, row: Mapping[str, Any]) -> None:
    running = current_transaction()
    assert running is not None
    session = running.session
    if row.get("field") is not None:
        done = {"$set": {"state": StepState.CLEARED.value, "updatedAt": utc_now()}}
        taken = await steps.rows.update_one({"_id": row["_id"], "state": row["state"]}, done, session=session)
        if taken.modified_count:
            await clear(bound, row["source"], row["field"], row["ids"], row["values"], session)
        return
    if not (await steps.rows.delete_one({"_id": row["_id"]}, session=session)).deleted_count:
        return

    async def spare(collection: str, ids: Sequence[Any]) -> set[Any]:
        later = await steps.unfinished(row["deletionId"], session)
        return {each for step in later if step["source"] == collection for each in step["ids"]}.intersection(ids)

    plan = await plan_deletion(bound, row["source"], row["ids"], session, spare=spare)
    await _carry_out(bound, plan, {**deletion_marks(), **row["marks"]}, session)
