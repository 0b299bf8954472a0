"""The rows of some buckets are those rows, however the buckets are written down."""

from __future__ import annotations

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from docstore.outbox.entries import BUCKETS
from docstore.outbox.queue import within_buckets


@pytest.mark.parametrize(
    "held",
    [
        {0},
        {BUCKETS - 1},
        set(range(32)),
        set(range(17, 49)),
        {*range(50, BUCKETS), *range(18)},
        {*range(5), 9, *range(40, 44)},
        set(range(BUCKETS)) - {7},
        set(range(BUCKETS)) - {0, 63},
    ],
    ids=str,
)
async def test_rows_of_the_held_buckets_alone_are_found(
    database: AsyncDatabase[dict[str, int]], held: set[int]
) -> None:
    rows = database["Rows"]
    await rows.insert_many([{"bucket": each} for each in range(BUCKETS)])
    found = await rows.find({"bucket": within_buckets(held)}).to_list()
    assert {row["bucket"] for row in found} == held
