"""Updates given to a document's query methods: their field names are known ones."""

from collections.abc import Mapping
from typing import Any

from beanie.odm.operators.update import BaseUpdateOperator
from pydantic import BaseModel

from docstore.documents.filters.compiling import compile_key
from docstore.documents.filters.trusted import TrustedFilter


def compile_update(model: type[BaseModel], given: Any) -> Any:
    """One argument of an update method, with stored names for attributes; pipelines and `trusted(...)` pass as written.

    Raises:
        UnknownField: the model has no such field.
    """
    if isinstance(given, TrustedFilter) or not isinstance(given, Mapping | BaseUpdateOperator):
        return given
    written = given.query if isinstance(given, BaseUpdateOperator) else given
    return {
        operator: {compile_key(model, name): _renamed(model, operator, value) for name, value in fields.items()}
        if isinstance(fields, Mapping) and str(operator).startswith("$")
        else fields
        for operator, fields in written.items()
    }


def _renamed(model: type[BaseModel], operator: str, value: Any) -> Any:
    return compile_key(model, value) if operator == "$rename" and isinstance(value, str) else value
