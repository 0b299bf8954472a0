"""A server whose validators judge what the tests give it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

Refused = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], Awaitable[dict[int, Any]]]


@pytest.fixture
def refused(database: AsyncDatabase[dict[str, Any]]) -> Refused:
    """Which of some documents a server with a validator refuses, by their place, with its reasons."""

    async def judge(validator: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> dict[int, Any]:
        await database.drop_collection("Judged")
        judged = await database.create_collection("Judged", validator=validator)
        try:
            await judged.insert_many([dict(each) for each in documents], ordered=False)
        except BulkWriteError as error:
            failures = (error.details or {})["writeErrors"]
            # The same id may be drawn twice.
            assert {each["code"] for each in failures} <= {121, 11000}, failures
            return {each["index"]: each.get("errInfo", {}).get("details") for each in failures if each["code"] == 121}
        return {}

    return judge
