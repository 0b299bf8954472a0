"""What no other contender has alike: relations loaded along, pages at any depth, a million documents going by."""

import gc
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener

from docstore.documents import PydanticObjectId, bind, declared_indexes, unbind
from docstore.documents.transactions import use_client
from docstore.models import ALL, Author, Post, PostStatus, Tag, TagOnPost

POSTS: Final = 100
PAGE: Final = 20
_QUERIES: Final = ("find", "aggregate", "getMore")


class _Asked(CommandListener):
    """The queries that were sent."""

    def __init__(self) -> None:
        self.commands: list[Mapping[str, Any]] = []

    def started(self, event: Any) -> None:
        if event.command_name in _QUERIES:
            self.commands.append(dict(event.command))

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


@asynccontextmanager
async def _blog(uri: str, listener: _Asked | None = None) -> AsyncIterator[Any]:
    """The models on a database of their own."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        uri, tz_aware=True, event_listeners=[listener] if listener else []
    )
    try:
        await bind(client["benchmarks_scaling"], ALL, audit=False)
        yield client["benchmarks_scaling"]
    finally:
        unbind(ALL)
        use_client(None)
        await client.close()


async def _fill() -> None:
    raw = {model: model.get_pymongo_collection().raw for model in (Author, Tag, Post, TagOnPost)}
    for collection in raw.values():
        await collection.drop()
    await raw[Post].create_indexes([each.to_index_model(Post) for each in declared_indexes(Post)])
    await raw[TagOnPost].create_indexes([each.to_index_model(TagOnPost) for each in declared_indexes(TagOnPost)])
    authors = [Author(clerk_id=f"c{n}", name=f"Ada {n}", email=f"ada{n}@example.com") for n in range(10)]
    tags = [Tag(slug=f"tag-{n}") for n in range(30)]
    await raw[Author].insert_many([each.model_dump(by_alias=True, exclude={"id"}) for each in authors])
    await raw[Tag].insert_many([each.model_dump(by_alias=True, exclude={"id"}) for each in tags])
    by = [each["_id"] async for each in raw[Author].find({}, {"_id": 1})]
    labels = [each["_id"] async for each in raw[Tag].find({}, {"_id": 1})]
    posts = [
        Post(
            id=PydanticObjectId(),
            title=f"Post {n}",
            content="Two kilobytes of plain words, as a short post has them. " * 37,
            post_url=f"post-{n}",
            author_id=by[n % len(by)],
            status=PostStatus.PUBLISHED,
            publish_date=f"2026-01-01T{n // 60 % 24:02}:{n % 60:02}:00Z",  # type: ignore[arg-type]  # pydantic reads it
        )
        for n in range(1000)
    ]
    await raw[Post].insert_many([post._fields_to_set() | {"_id": post.id} for post in posts])
    links = [{"postId": post.id, "tagId": labels[(n + k) % 30]} for n, post in enumerate(posts) for k in range(2)]
    await raw[TagOnPost].insert_many(links)


async def include(uri: str, rounds: int) -> dict[str, Any]:
    """The authors and tags of a hundred posts, beside the posts alone: queries, and the client's processor time."""
    asked = _Asked()
    async with _blog(uri, asked):
        await _fill()
        asked.commands.clear()
        loaded = await Post.find().limit(POSTS).include("author", "tags").to_list()
        assert all(post.author is not None and len(post.tags) == 2 for post in loaded)
        queries = [str(next(iter(command.items()))) for command in asked.commands]
    times: dict[str, list[float]] = {"alone": [], "included": []}
    async with _blog(uri):
        for number in range(rounds + 1):
            for name, paths in (("alone", ()), ("included", ("author", "tags"))):
                query = [Post.find().limit(POSTS) for _ in range(10)]
                gc.collect()
                start = time.process_time()
                for each in query:
                    await (each.include(*paths) if paths else each).to_list()
                if number:  # the first round warms up
                    times[name].append((time.process_time() - start) / len(query) / POSTS * 1e6)
    ratio = median(one / other for one, other in zip(times["included"], times["alone"], strict=True))
    return {
        "queries": len(queries),
        "alone": round(median(times["alone"]), 1),
        "included": round(median(times["included"]), 1),
        "ratio": round(ratio, 2),
        "targets": {"queries": 3, "ratio": 2.5},
    }


async def pages(uri: str) -> list[dict[str, Any]]:
    """What the server's planner says to the query of a keyset page, at several depths."""
    asked, told = _Asked(), []
    async with _blog(uri, asked) as database:
        cursor, number = None, 1
        while number <= 45:
            asked.commands.clear()
            page = await Post.published().page(PAGE, after=cursor)
            if number in (1, 20, 45):
                command = {key: value for key, value in asked.commands[0].items() if key[0] != "$" and key != "lsid"}
                said = await database.command("explain", command, verbosity="executionStats")
                told.append({"page": number, **_plan(said)})
            cursor, number = page.next_cursor, number + 1
    return told


def _plan(said: Mapping[str, Any]) -> dict[str, Any]:
    stages, stage = [], said["queryPlanner"]["winningPlan"]
    while stage:
        stages.append(str(stage.get("stage")) + (f" {stage['indexName']}" if "indexName" in stage else ""))
        stage = stage.get("inputStage")
    done = said.get("executionStats", {})
    return {
        "stages": stages,
        "keys_examined": done.get("totalKeysExamined"),
        "documents_examined": done.get("totalDocsExamined"),
        "returned": done.get("nReturned"),
    }


async def stream(contender: Any, count: int) -> dict[str, Any]:
    """How memory grows while a million documents go by.

    Returns:
        The number of documents, and the megabytes between the least and the most memory resident after the first
        tenth of them.
    """
    await contender.fill_small(count)
    gc.collect()
    resident: list[float] = []
    seen = 0
    async for _ in contender.stream_small():
        seen += 1
        if seen > count // 10 and seen % 5000 == 0:
            resident.append(resident_megabytes())
    await contender.clear_small()
    return {"documents": seen, "growth_mb": round(max(resident) - min(resident), 1), "target_mb": 30}


def resident_megabytes() -> float:
    """How much memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
