"""Stored documents that do not fit their model: told which, what and why, by every way of reading."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bson import ObjectId
from pydantic import BaseModel, ValidationError, model_validator

from docstore.documents import Document
from docstore.errors import UnreadableDocument, ValidationFailed, error_detail


class Sized(Document):
    name: str = ""
    size: int = 0

    @model_validator(mode="after")
    def _grows(self) -> "Sized":
        if self.size < 0:
            raise ValueError("size is 0 or more")
        return self


class JustSize(BaseModel):
    size: int


BAD = ObjectId("0" * 23 + "7")
READS: dict[str, Callable[[], Awaitable[Any]]] = {
    "list": lambda: Sized.find().to_list(),
    "first": lambda: Sized.find_one({"name": "secret"}),
    "get": lambda: Sized.get(BAD),
    "many": lambda: Sized.get_many([BAD]),
    "page": lambda: Sized.find().sort("name").page(3),
    "loop": lambda: _loop(Sized.find()),
    "stream": lambda: _loop(Sized.find().stream()),
    "projection": lambda: Sized.find().project(JustSize).to_list(),
    "aggregation": lambda: Sized.aggregate([], projection_model=Sized).to_list(),
    "aggregated": lambda: _loop(Sized.aggregate([], projection_model=Sized)),
}


async def _loop(documents: Any) -> None:
    async for _ in documents:
        pass


@pytest.mark.parametrize("read", READS)
async def test_the_document_is_named(bind_models: Any, database: Any, read: str) -> None:
    await bind_models(Sized)
    await Sized.insert_many([Sized(name="a"), Sized(name="b")])
    await database["Sized"].insert_one({"_id": BAD, "name": "secret", "size": "many"})
    with pytest.raises(UnreadableDocument) as told:
        await READS[read]()
    assert "size: Input should be a valid integer" in str(told.value)
    assert "many" not in str(told.value)
    assert (told.value.field, told.value.value_type) == ("size", "str")
    assert isinstance(told.value, ValidationFailed)
    assert error_detail(told.value).code == "unreadable"
    assert isinstance(told.value.__cause__, ValidationError)
    if read != "projection":
        assert f"Sized {BAD}" in str(told.value)
        assert "docstore schema check --only Sized" in str(told.value)
        assert error_detail(told.value).collection == "Sized"


async def test_a_broken_rule_of_the_whole_is_told_too(bind_models: Any, database: Any) -> None:
    await bind_models(Sized)
    await database["Sized"].insert_one({"_id": BAD, "size": -1})
    with pytest.raises(ValidationFailed, match=f"Sized {BAD} .*size is 0 or more") as told:
        await Sized.find().to_list()
    assert told.value.field is None
