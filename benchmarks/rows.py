"""What is measured: the rows of the table, with the ratios docstore is held to."""

import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.measuring import Measured, Work, measure

Contenders = list[Any]

BY_ID = 200
"""Single documents in one round."""

SELDOM = 50_000
"""Objects made between two looks of the garbage collector, where an application lets it look seldom; 700 else."""


async def fill(contenders: Contenders, documents: int) -> None:
    """Let every collection hold so many documents."""
    for each in contenders:
        await each.clear()
        await (each.fill(documents) if hasattr(each, "fill") else each.insert_many(each.make(documents)))


async def reads(contenders: Contenders, documents: int, rounds: int) -> list[Measured]:
    """Whole collections, with and without tracking, projected, and dicts through the guard alone."""
    await fill(contenders, documents)
    rows = [
        ("find", Measured(f"find {documents:,}, to_list", targets={"Beanie": 0.45, "PyMongo": 2.2})),
        ("find_tracked", Measured("the same, changes tracked", targets={"Beanie": 0.30})),
        ("project", Measured(f"projection of 4 fields, {documents:,}", targets={"Beanie": 0.35})),
    ]
    measured = [await _whole(contenders, name, row, documents, rounds) for name, row in rows]
    seldom = [
        ("find", Measured(f"find {documents:,}, gc.set_threshold({SELDOM:,})", note="the application's own choice")),
        ("project", Measured("projection, the same threshold")),
    ]
    with _collecting_seldom():
        measured += [await _whole(_asyncio(contenders), name, row, documents, rounds) for name, row in seldom]
    (ours,) = [each for each in contenders if each.name == "docstore"]
    guard = Measured("dicts through the guard", targets={"PyMongo": 1.05}, note="the guard's own share of a find")
    dicts = {"docstore": ours.find_dicts_guarded, "PyMongo": ours.find_dicts}
    prepare = {name: _same(work, documents) for name, work in dicts.items()}
    return [*measured, await measure(guard, rounds * 2, prepare)]


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _asyncio(contenders: Contenders) -> Contenders:
    return [each for each in contenders if each.name in ("docstore", "Beanie", "PyMongo")]


async def _whole(contenders: Contenders, name: str, row: Measured, documents: int, rounds: int) -> Measured:
    able = [each for each in contenders if hasattr(each, name)]
    return await measure(row, rounds, {each.name: _same(getattr(each, name), documents) for each in able})


def _same(work: Work, count: int) -> Callable[[], Awaitable[tuple[Work, int]]]:
    async def prepare() -> tuple[Work, int]:
        return work, count

    return prepare


async def by_id(contenders: Contenders, rounds: int) -> list[Measured]:
    """Documents by their ids: one by one, many at once, one field changed and saved."""
    await fill(contenders, 1000)
    keys = {each.name: await each.ids(1000) for each in contenders}
    get = Measured("get by id", targets={"Beanie": 0.70, "PyMongo": 1.15}, note="the id a plain ObjectId")
    many = Measured("1,000 by their ids, in order")
    save = Measured("save of one changed field", targets={"Beanie": 0.45}, note="Beanie: save_changes()")

    def one_by_one(contender: Any) -> Callable[[], Awaitable[tuple[Work, int]]]:
        async def work() -> None:
            for key in keys[contender.name][:BY_ID]:
                await contender.get(key)

        return _same(work, BY_ID)

    def at_once(contender: Any) -> Callable[[], Awaitable[tuple[Work, int]]]:
        wanted = keys[contender.name][::-1]
        return _same(lambda: contender.get_many(wanted), len(wanted))

    def saving(contender: Any) -> Callable[[], Awaitable[tuple[Work, int]]]:
        turn = iter(range(10**6))

        async def prepare() -> tuple[Work, int]:
            loaded = await contender.load_to_save(keys[contender.name][: BY_ID // 2])
            title = f"Changed {next(turn)}"

            async def work() -> None:
                for document in loaded:
                    await contender.save_changed(document, title)

            return work, len(loaded)

        return prepare

    return [
        await measure(get, rounds, {each.name: one_by_one(each) for each in contenders}),
        await measure(many, rounds, {each.name: at_once(each) for each in contenders}),
        await measure(save, rounds, {each.name: saving(each) for each in contenders}),
    ]


async def writes(contenders: Contenders, documents: int, rounds: int) -> list[Measured]:
    """New documents: many in one call, and one by one. Leaves the collections empty."""
    many = Measured(f"insert_many {documents:,}", targets={"Beanie": 0.30, "PyMongo": 1.5}, note="timestamps on")
    single = Measured("insert one", targets={"Beanie": 0.65, "PyMongo": 1.15})

    def in_one_call(contender: Any) -> Callable[[], Awaitable[tuple[Work, int]]]:
        count = min(documents, getattr(contender, "most_at_once", documents))

        async def prepare() -> tuple[Work, int]:
            made = contender.make(count)
            return lambda: contender.insert_many(made), count

        return prepare

    def one_by_one(contender: Any) -> Callable[[], Awaitable[tuple[Work, int]]]:
        async def prepare() -> tuple[Work, int]:
            made = contender.make(BY_ID)

            async def work() -> None:
                for document in made:
                    await contender.insert(document)

            return work, BY_ID

        return prepare

    after = {each.name: each.clear for each in contenders}
    for each in contenders:
        await each.clear()
    return [
        await measure(many, rounds, {each.name: in_one_call(each) for each in contenders}, after=after),
        await measure(single, rounds, {each.name: one_by_one(each) for each in contenders}, after=after),
    ]
