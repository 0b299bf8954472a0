"""Beanie's `document.update`: some fields, by operators, and the document as it became."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from beanie import PydanticObjectId
from beanie.odm.actions import ActionDirections, ActionRegistry, EventTypes
from beanie.odm.bulk import BulkWriter
from beanie.odm.operators.update.general import SetRevisionId
from beanie.odm.queries.update import UpdateResponse
from beanie.odm.utils.dump import get_dict
from beanie.odm.utils.parsing import merge_models
from beanie.odm.utils.update_merge import merge_update_expressions

from docstore.documents.driver_errors import duplicate_fields, translated
from docstore.documents.filters.trusted import trusted
from docstore.documents.lifecycle.ids import stored_id
from docstore.documents.lifecycle.missing import stale, why_missing
from docstore.documents.transactions import Session
from docstore.errors import UniqueViolation

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument


Actions = list[ActionDirections | str] | None


async def write_update(
    document: "StoredDocument",
    expressions: Sequence[Any],
    *,
    session: Session,
    ignore_revision: bool,
    bulk_writer: BulkWriter | None,
    skip_actions: Actions,
    options: Mapping[str, Any],
) -> None:
    """Beanie's `document.update`, telling apart what Beanie takes for one: missing, deleted, stale.

    Raises:
        NotFound, DeletedDocument, StaleDocument, UniqueViolation: as the names say.
    """
    model = type(document)
    settings = model.get_settings()
    arguments = await _before_update(document, list(expressions), skip_actions or [])
    query: dict[str, Any] = {"_id": stored_id(document) if document.id is not None else PydanticObjectId()}
    if model.versioned and not ignore_revision:
        query["version"] = trusted({"$in": [0, None]}) if document.version == 0 else document.version
    checks_revision = settings.use_revision and not ignore_revision
    if checks_revision:
        query["revision_id"] = document.revision_id
    if settings.use_revision:
        arguments.append(SetRevisionId(uuid4()))  # type: ignore[no-untyped-call]  # Beanie's
    update = model.find_one(trusted(query), session=session).update(
        *arguments,
        response_type=UpdateResponse.NEW_DOCUMENT,
        bulk_writer=bulk_writer,
        **options,
    )
    with translated(model.get_collection_name()):
        try:
            stored: Any = await update
        except UniqueViolation as error:
            taken = set(duplicate_fields(error.__cause__))
            if checks_revision and {"_id", "revision_id"} & taken:
                raise stale(document) from error.__cause__
            if model.versioned and "_id" in taken:
                raise await why_missing(document, session) from error.__cause__
            raise
    if bulk_writer is None:
        if stored is None:
            raise await why_missing(document, session)
        merge_models(document, stored)
    await ActionRegistry.run_actions(document, EventTypes.UPDATE, ActionDirections.AFTER, skip_actions or [])


async def _before_update(document: "StoredDocument", arguments: list[Any], skip: list[Any]) -> list[Any]:
    wanted = ActionRegistry.get_action_list(type(document), EventTypes.UPDATE, ActionDirections.BEFORE)
    if not wanted or ActionDirections.BEFORE in skip:
        return arguments
    before = get_dict(document, to_db=True, keep_nulls=True)
    await ActionRegistry.run_actions(document, EventTypes.UPDATE, ActionDirections.BEFORE, skip)
    after = get_dict(document, to_db=True, keep_nulls=True)
    changed = {
        key: value for key, value in after.items() if key not in ("_id", "revision_id") and before.get(key) != value
    }
    strategy = document.get_settings().action_conflict_resolution
    return merge_update_expressions(arguments, changed, strategy=strategy) if changed else arguments
