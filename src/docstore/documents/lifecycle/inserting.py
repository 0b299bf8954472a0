"""New documents: validated, stamped, given their ids and inserted, each alone or many in one command."""

import os
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from secrets import randbits, token_bytes
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, cast

from beanie import PydanticObjectId
from bson import ObjectId
from pymongo.results import InsertManyResult

from docstore.documents.codec import beanie_id
from docstore.documents.driver_errors import translated
from docstore.documents.ids import DocumentId
from docstore.documents.transactions import Session
from docstore.documents.validation import prepared_batch, prepared_to_insert
from docstore.errors import ValidationFailed

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument

_HEAD: Final = Struct(">I5s")


async def insert_new(document: "StoredDocument", session: Session) -> dict[str, Any]:
    """Insert a document in one round trip; returns what was stored.

    Raises:
        UniqueViolation, ValidationFailed: as the names say.
    """
    model = type(document)
    fields = prepared_to_insert(document)
    if "_id" not in fields and has_object_ids(cast("Any", model)):
        (fields["_id"],) = new_ids(1)
    with translated(model.__name__, fields):
        inserted_id = await model.get_pymongo_collection().insert_stamped(fields, session)
    give_id(document, inserted_id)
    return fields


async def insert_together(
    model: type["StoredDocument"],
    documents: Sequence["StoredDocument"],
    session: Session,
    options: Mapping[str, Any],
) -> InsertManyResult:
    """Insert documents in one command.

    Args:
        model: the class in whose collection they are stored.
        documents: instances of it.
        session: a driver session, or None for the ambient one.
        options: PyMongo's, of `insert_many`.

    Raises:
        ReferenceViolation, UniqueViolation, ValidationFailed: as the names say.
    """
    stranger = next((each for each in documents if not isinstance(each, model)), None)
    if stranger is not None:
        raise ValidationFailed(
            f"{model.__name__}.insert_many() is given a {type(stranger).__name__}; nothing is written.",
            hint=f"Give instances of {model.__name__}: {model.__name__}(...), or {model.__name__}.model_validate(...).",
            collection=model.__name__,
            value_type=type(stranger).__name__,
        )
    stored = prepared_batch(documents)
    if has_object_ids(cast("Any", model)):
        without = [fields for fields in stored if "_id" not in fields]
        for fields, made in zip(without, new_ids(len(without)), strict=True):
            fields["_id"] = made
    with translated(model.__name__, stored):
        result = await model.get_pymongo_collection().insert_stamped_many(stored, session, options)
    for document, inserted_id in zip(documents, result.inserted_ids, strict=True):
        give_id(document, inserted_id)
    return result


def known_id(model: type["StoredDocument"], value: Any) -> Any:
    """`value` as an id of the model, without parsing what is known to be one.

    Raises:
        ValidationFailed: it is none.
    """
    return beanie_id(value) if type(value) is ObjectId and has_object_ids(cast("Any", model)) else model.parse_id(value)


def give_id(document: "StoredDocument", inserted_id: Any) -> None:
    """Let a document have the id under which it was inserted."""
    known = type(inserted_id) is PydanticObjectId
    document.__dict__["id"] = inserted_id if known else known_id(type(document), inserted_id)
    document.__pydantic_fields_set__.add("id")


@lru_cache(maxsize=1024)
def has_object_ids(model: Any) -> bool:
    """Whether a new document of the class gets an object id."""
    info = model.model_fields["id"]
    return info.annotation in (PydanticObjectId | None, DocumentId | None) and not info.metadata


class _Ids:
    """Makes object ids, many for little more than one: the driver's way to make one takes longer than to send it.

    As MongoDB specifies them: seconds, five random bytes of this process, a counter that starts anywhere.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._random = token_bytes(5)
        self._counter = count(randbits(24))

    def make(self, number: int) -> list[PydanticObjectId]:
        if self._process != os.getpid():  # a fork: its ids must be others than its parent's
            self._begin()
        head = _HEAD.pack(int(time.time()), self._random)
        new, counter, made = PydanticObjectId.__new__, self._counter, []
        for _ in range(number):
            each = new(PydanticObjectId)
            # ObjectId's only slot; the counter hands every number to one thread alone.
            each._ObjectId__id = head + (next(counter) & 0xFFFFFF).to_bytes(3, "big")  # type: ignore[attr-defined]
            made.append(each)
        return made


@lru_cache(maxsize=1)
def _ids() -> _Ids:
    return _Ids()


def new_ids(number: int) -> list[PydanticObjectId]:
    """So many new object ids, in growing order but where the counter starts again."""
    return _ids().make(number)
