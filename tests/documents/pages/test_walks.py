"""Whatever the data and the sort: walking the pages forth and back yields exactly the sorted list."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bson import Binary, Decimal128, ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.documents import Document

MISSING = object()


class Leaf(Document):
    a: Any = None
    b: Any = None
    c: Any = None


SAME_TYPE = [
    st.sampled_from([MISSING, None, 0, 1, 2, 2.5, -1, float("nan"), float("inf"), float("-inf")]),
    st.sampled_from([MISSING, None, "", "a", "b", "ä", "$where", "a\x00b"]),
    st.sampled_from([MISSING, None, *(datetime(1960 + 10 * n, 1, 1, tzinfo=UTC) for n in range(4))]),
    st.sampled_from([MISSING, None, True, False]),
]
# Binaries of one length: the embedded engine compares others unlike it sorts them.
ANY_TYPE = st.sampled_from(
    [
        *(MISSING, None, 1, 2.5, float("nan"), Decimal128("2"), "a", "b", True, False, ObjectId(b"0" * 12)),
        *(
            ObjectId(b"1" * 12),
            Binary.from_uuid(UUID(int=5)),
            datetime(2020, 1, 1, tzinfo=UTC),
            datetime(2021, 1, 1, tzinfo=UTC),
        ),
    ]
)
FIELDS = st.one_of(*SAME_TYPE, ANY_TYPE)
ROWS = st.one_of(
    *(st.lists(st.fixed_dictionaries({"a": kind, "b": kind, "c": ANY_TYPE}), max_size=12) for kind in SAME_TYPE),
    st.lists(st.fixed_dictionaries({"a": FIELDS, "b": FIELDS, "c": FIELDS}), max_size=12),
)
SORT = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "n.x", "_id"]), st.sampled_from([1, -1])),
    max_size=3,
    unique_by=lambda key: key[0],
)
RELAXED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def filled(database: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    raw = database["Leaf"]
    await raw.delete_many({})
    stored = []
    for number, row in enumerate(rows):
        values = {name: value for name, value in row.items() if value is not MISSING}
        stored.append({"_id": ObjectId(f"{(number * 7) % 13:024x}"), **values, "n": {"x": number % 2}})
    if stored:
        await raw.insert_many(stored)
    return stored


@RELAXED
@given(rows=ROWS, sort=SORT, limit=st.integers(1, 5))
async def test_pages_are_the_sorted_list(bind_models: Any, database: Any, rows: Any, sort: Any, limit: int) -> None:
    await bind_models(Leaf, strict_filters=False)
    await filled(database, rows)
    direction = sort[-1][1] if sort else 1
    total = [*sort, *([] if any(name == "_id" for name, _ in sort) else [("_id", direction)])]
    expected = [each["_id"] for each in await database["Leaf"].find().sort(total).to_list()]

    forth: list[list[ObjectId]] = []
    page = await Leaf.find().sort(sort).page(limit)
    assert not page.has_previous
    assert page.previous_cursor is None
    while True:
        forth.append([each.id for each in page])
        assert len(forth) <= len(expected) + 1
        if not page.has_next:
            break
        page = await Leaf.find().sort(sort).page(limit, after=page.next_cursor)
    assert [each for ids in forth for each in ids] == expected
    assert all(len(ids) == limit for ids in forth[:-1])

    back = [[each.id for each in page]]
    while page.has_previous:
        page = await Leaf.find().sort(sort).page(limit, before=page.previous_cursor)
        back.append([each.id for each in page])
        assert len(back) <= len(expected) + 1
    assert [each for ids in reversed(back) for each in ids] == expected


@RELAXED
@given(rows=ROWS, sort=SORT, limit=st.integers(1, 5))
async def test_numbered_pages_are_the_sorted_list(
    bind_models: Any, database: Any, rows: Any, sort: Any, limit: int
) -> None:
    await bind_models(Leaf, strict_filters=False)
    stored = await filled(database, rows)
    first = await Leaf.find().sort(sort).paginate(1, limit)
    found = [each.id for each in first]
    for number in range(2, first.total_pages + 1):
        page = await Leaf.find().sort(sort).paginate(number, limit)
        assert (page.total, page.total_pages, page.page) == (first.total, first.total_pages, number)
        found += [each.id for each in page]
    assert first.total == len(stored) == len(found)
    assert set(found) == {each["_id"] for each in stored}


@RELAXED
@given(rows=ROWS, sort=SORT, new=FIELDS, gone=st.integers(0, 11))
async def test_what_comes_and_goes_moves_nothing_else(
    bind_models: Any, database: Any, rows: Any, sort: Any, new: Any, gone: int
) -> None:
    await bind_models(Leaf, strict_filters=False)
    stored = await filled(database, rows)
    seen: list[ObjectId] = []
    page = await Leaf.find().sort(sort).page(2)
    seen += [each.id for each in page]
    deleted = stored[gone]["_id"] if gone < len(stored) else None
    if deleted is not None:
        await Leaf.find({"_id": deleted}).delete()
    await database["Leaf"].insert_one({"_id": ObjectId("f" * 24), **({} if new is MISSING else {"a": new})})
    while page.has_next:
        page = await Leaf.find().sort(sort).page(2, after=page.next_cursor)
        seen += [each.id for each in page]
    assert len(seen) == len(set(seen))
    stayed = {each["_id"] for each in stored} - {deleted}
    assert stayed <= set(seen)
