"""Writes as they reach the server: stamped with their instants, and never touching the marks of deletion."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from docstore.documents.fields import utc_now
from docstore.documents.guard.filters import refuse_scripts
from docstore.documents.guard.predicate import DELETED_STATUS, MARKS
from docstore.errors import ProtectedField, ValidationFailed

Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_ASSIGNING: Final = frozenset({"$set", "$setOnInsert", "$addFields"})


def stamp_insert(document: Mapping[str, Any], collection: str) -> dict[str, Any]:
    """The document to insert, with `createdAt` and `updatedAt` filled in where they are missing.

    Raises:
        ProtectedField: the document is born deleted.
    """
    check_marks(document, collection, "an insert")
    if type(document) is dict and document.get("createdAt") is not None and document.get("updatedAt") is not None:
        return document  # nothing to add, so no copy: models stamp by themselves
    now = utc_now()
    stamped = dict(document)
    if stamped.get("createdAt") is None:
        stamped["createdAt"] = now
    if stamped.get("updatedAt") is None:
        stamped["updatedAt"] = stamped["createdAt"] if stamped["createdAt"] > now else now
    return stamped


def stamp_update(update: Update, collection: str, *, upsert: bool = False, living: bool = True) -> Any:
    """The update with `updatedAt` set, and `createdAt` where an upsert inserts.

    Args:
        update: update operators, or an update pipeline.
        collection: the collection's name, for messages.
        upsert: whether the update may insert.
        living: whether what it matches is living; in the trash even a mark's empty value is refused.

    Raises:
        ProtectedField: the update writes a mark of deletion.
        ValidationFailed: the update is neither operators nor a pipeline.
    """
    refuse_scripts(update, collection)
    if isinstance(update, Mapping):
        return _stamp_operators(update, collection, upsert=upsert, living=living)
    if isinstance(update, list | tuple):
        return _stamp_pipeline(update, collection, upsert=upsert, living=living)
    raise ValidationFailed(
        f"an update of {collection} is operators or a pipeline, not {type(update).__name__}.",
        hint="Write {'$set': {...}}.",
        collection=collection,
        value_type=type(update).__name__,
    )


def replacement_pipeline(replacement: Mapping[str, Any], collection: str) -> list[dict[str, Any]]:
    """A whole-document replacement as an update pipeline that keeps the old `createdAt`.

    Raises:
        ProtectedField: the replacement carries a mark of deletion.
        ValidationFailed: the replacement holds update operators.
    """
    operators = [key for key in replacement if str(key).startswith("$")]
    if operators:
        raise ValidationFailed(
            f"a replacement in {collection} holds the operator {operators[0]}.",
            hint="Use update_one() for operators.",
            collection=collection,
            field=operators[0],
        )
    check_marks(replacement, collection, "a replacement")
    now = utc_now()
    body = {key: value for key, value in replacement.items() if key not in ("_id", "updatedAt")}
    created = body.pop("createdAt", None)
    return [
        {
            "$replaceWith": {
                "$mergeObjects": [
                    {"$literal": body},
                    {
                        "_id": {"$ifNull": ["$_id", replacement["_id"]]} if "_id" in replacement else "$_id",
                        "createdAt": {"$ifNull": ["$createdAt", created or now]},
                        "updatedAt": now,
                    },
                ]
            }
        }
    ]


def literal_replacement(stages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The body of a whole-document replacement, as `replacement_pipeline` makes one."""
    try:
        literal = stages[0]["$replaceWith"]["$mergeObjects"][0]["$literal"]
    except (KeyError, IndexError, TypeError):
        return None
    return literal if len(stages) == 1 and isinstance(literal, Mapping) else None


def check_marks(values: Mapping[str, Any], collection: str, what: str, *, living: bool = True) -> None:
    """Refuse values that would mark a document as deleted.

    Raises:
        ProtectedField: names the field.
    """
    if _plainly_unmarked(values, living=living):
        return
    for key, value in values.items():
        name = str(key)  # Beanie's field expressions are strings whose == builds a filter
        if name == "status" and not _is_harmless_status(value, living=living):
            _refuse_mark(name, collection, what)
        head = name.partition(".")[0]
        if head in MARKS and not (living and head == name and _is_living_value(name, value)):
            _refuse_mark(name, collection, what)


def _is_harmless_status(value: Any, *, living: bool) -> bool:
    # An expression of an update pipeline could compute the mark; in the trash, any status could take it away.
    if isinstance(value, str):
        return living and value != DELETED_STATUS and value[:1] != "$"
    if value is None:
        return living
    if isinstance(value, list | tuple):
        return living and DELETED_STATUS not in value
    return living and not isinstance(value, Mapping)


def refuse_born_deleted(document: Mapping[str, Any], collection: str) -> None:
    """Refuse a new document, of plain field names, that would be deleted from its beginning.

    Raises:
        ProtectedField: names the field.
    """
    if not _is_unmarked(document):
        check_marks(document, collection, "an insert")


def _plainly_unmarked(values: Mapping[str, Any], *, living: bool) -> bool:
    """Whether values without paths carry no mark: one look at each mark, not at each of many fields."""
    if not living or not _is_unmarked(values):
        return False
    try:
        return "." not in "\0".join(values)
    except TypeError:  # a key that is no text
        return False


def _is_unmarked(values: Mapping[str, Any]) -> bool:
    """Whether the marks' own fields are as those of living documents; written out, because every insert asks."""
    if (
        values.get("deletedAt") is not None
        or values.get("deletedBy") is not None
        or values.get("deletionId") is not None
    ):
        return False
    status, deleted = values.get("status"), values.get("isDeleted")
    return (deleted is None or deleted is False) and (status is None or _is_harmless_status(status, living=True))


def _is_living_value(name: str, value: Any) -> bool:
    return value is None or (name == "isDeleted" and value is False)


def _stamp_operators(update: Mapping[str, Any], collection: str, *, upsert: bool, living: bool) -> dict[str, Any]:
    stamped: dict[str, Any] = {}
    for operator, fields in update.items():
        if not str(operator).startswith("$"):
            raise ValidationFailed(
                f"an update of {collection} names {operator!r} outside an operator.",
                hint=f"Write {{'$set': {{{operator!r}: …}}}}.",
                collection=collection,
                field=str(operator),
            )
        stamped[operator] = dict(fields) if isinstance(fields, Mapping) else fields
        _check_operator_marks(str(operator), stamped[operator], collection, living=living)
    _own_stamps(stamped, upsert=upsert)
    return stamped


def _own_stamps(stamped: dict[str, Any], *, upsert: bool) -> None:
    now = utc_now()
    current: Mapping[str, Any] = stamped.get("$currentDate") or {}
    for operator in [each for each in stamped if each not in ("$set", "$currentDate")]:
        fields = stamped[operator]
        if isinstance(fields, dict):
            fields.pop("updatedAt", None)
            if operator != "$setOnInsert":
                fields.pop("createdAt", None)
            if not fields:
                del stamped[operator]
    assigned = stamped.setdefault("$set", {})
    if "updatedAt" not in current:
        assigned["updatedAt"] = now
    if assigned.get("createdAt", now) is None:
        del assigned["createdAt"]
    if upsert and "createdAt" not in assigned and "createdAt" not in current:
        stamped.setdefault("$setOnInsert", {}).setdefault("createdAt", now)
    if not assigned:
        del stamped["$set"]


def _check_operator_marks(operator: str, fields: Any, collection: str, *, living: bool) -> None:
    if not isinstance(fields, Mapping):
        return
    if operator in _ASSIGNING:
        check_marks(fields, collection, operator, living=living)
        return
    names = {str(name).partition(".")[0] for name in fields}
    if operator == "$rename":
        names |= {str(target).partition(".")[0] for target in fields.values()}
    writes_status = "status" in names and (not living or operator not in ("$unset", "$min", "$max", "$currentDate"))
    if writes_status or fields.get("status") == DELETED_STATUS:
        _refuse_mark("status", collection, operator)
    if living and operator == "$unset":
        return  # the marks of what is living are empty
    for name in names & MARKS:
        _refuse_mark(name, collection, operator)


def _stamp_pipeline(
    stages: Sequence[Mapping[str, Any]], collection: str, *, upsert: bool, living: bool
) -> list[dict[str, Any]]:
    for stage in stages:
        for name, body in stage.items():
            if name in _ASSIGNING and isinstance(body, Mapping):
                check_marks(body, collection, str(name), living=living)
            elif name == "$unset":
                _check_operator_marks(
                    "$unset",
                    dict.fromkeys([body] if isinstance(body, str) else body),
                    collection,
                    living=living,
                )
            elif not living:
                _refuse_mark("deletedAt", collection, f"{name} in the trash")
    now = utc_now()
    final: dict[str, Any] = {"updatedAt": now}
    if living:
        # What matched is living, so the result is living too, whatever an expression in between computed.
        final |= {"deletedAt": _unless_living("$deletedAt", None), "isDeleted": _unless_living("$isDeleted", False)}
        if any(name in ("$replaceWith", "$replaceRoot", "$project") for stage in stages for name in stage):
            final["status"] = {"$cond": [{"$eq": ["$status", DELETED_STATUS]}, "$$REMOVE", "$status"]}
    if upsert:
        final["createdAt"] = {"$ifNull": ["$createdAt", now]}
    return [*(dict(stage) for stage in stages), {"$set": final}]


def _unless_living(mark: str, living: Any) -> dict[str, Any]:
    # A mark that is missing stays missing: an old document is not to look restored.
    return {"$cond": [{"$eq": [{"$ifNull": [mark, living]}, living]}, mark, living]}


def _refuse_mark(name: str, collection: str, what: str) -> None:
    raise ProtectedField(
        f"{what} on {collection} writes {name!r}, a mark of deletion.",
        hint="Use delete() to delete and restore() to bring back.",
        collection=collection,
        field=name,
    )
