"""What pydantic finds wrong, in docstore's words: fields, rules and types, never a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from docstore.errors import UnreadableDocument


def told_problems(error: ValidationError, name: str) -> str:
    """Each field with what is wrong and the type of its value, in a row.

    Args:
        error: pydantic's.
        name: what stands for the whole, where it is none of its fields.
    """
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or name}: {each['msg']} ({type(each.get('input')).__name__})"
        for each in error.errors(include_url=False, include_context=False)
    )


def unreadable(error: ValidationError, stored: Mapping[str, Any]) -> UnreadableDocument:
    """The error for a stored document that does not fit its class; names the document."""
    first = error.errors(include_url=False, include_context=False)[0]
    key = stored.get("_id")
    which = f"{error.title} {key}" if key is not None else f"a document read as {error.title}"
    return UnreadableDocument(
        f"{which} does not fit its model as it is stored. {told_problems(error, error.title)}.",
        hint=_way_out(error.title, whole=not first["loc"], known=key is not None),
        collection=error.title,
        field=str(first["loc"][0]) if first["loc"] else None,
        value_type=type(first.get("input")).__name__,
    )


def _way_out(model: str, *, whole: bool, known: bool) -> str:
    if whole:
        return "Mend the document by a migration, or let the model's own rule pass what is stored."
    if not known:
        return "Let the field take it, or name other fields."
    return f"`docstore schema check --only {model}` lists what does not fit; mend it, or let the field take it."


def expect_readable(load: Callable[[Any], Any], stored: list[Any]) -> None:
    """Nothing, when each of the documents fits its class; asked when one of them is known not to.

    Raises:
        UnreadableDocument: names the first that does not.
    """
    for each in stored:
        try:
            load(each)
        except ValidationError as error:
            raise unreadable(error, each) from error
