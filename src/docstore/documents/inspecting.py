"""Beanie's `inspect_collection`: which stored documents do not fit their class, by pydantic's own judgement."""

from typing import Any

from beanie.odm.enums import InspectionStatuses
from beanie.odm.models import InspectionError, InspectionResult
from pydantic import ValidationError

from docstore.documents.transactions import Session


async def inspect(model: Any, session: Session) -> InspectionResult:
    """Judge every living document of a class strictly: what a query would load leniently is told here.

    Args:
        model: the document class.
        session: for the query.
    """
    result = InspectionResult()
    async for stored in model.get_pymongo_collection().find({}, session=session):
        try:
            model.__pydantic_validator__.validate_python(stored)
        except ValidationError as error:
            result.status = InspectionStatuses.FAIL
            result.errors.append(InspectionError(document_id=stored["_id"], error=str(error)))
    return result
