"""`docstore shard`: what it would take to spread the collections over a cluster."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir, opened_servers

if TYPE_CHECKING:
    from docstore.schema.sharding import Asked, CollectionPlan, ShardPlan
    from docstore.settings import Settings

group = typer.Typer(help="Plan a sharded cluster from the keys that models declare.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Plan a sharded cluster from the keys that models declare."""


@group.command()
def plan(
    context: typer.Context,
    log: Annotated[bool, typer.Option("--log", help="Judge the queries of the query log, too.")] = False,
    chunks: Annotated[
        int, typer.Option(help="Split ranged keys into so many chunks beforehand, by a sample of the data.", min=0)
    ] = 0,
    days: Annotated[float, typer.Option(help="How far back the query log is read.", min=0)] = 7,
    json: JsonFlag = False,
) -> None:
    """Print the commands for a cluster, which shards each query would ask, and what does not fit.

    Nothing is changed. Without --log and --chunks no database is needed.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema.sharding import shard_plan
        from docstore.store import SYSTEM_MODELS

        settings = invocation.settings()
        models = (*invocation.models(), *SYSTEM_MODELS)
        asked: list[Asked] = []
        split_at: dict[str, list[Any]] = {}
        if log or chunks:
            asked, split_at = await _from_database(settings, models, log, chunks, timedelta(days=days))
        made = shard_plan(models, database=settings.effective_database_name, asked=asked, split_at=split_at)
        _print(invocation, made)
        invocation.print_json({"ok": True, **asdict(made)})
        return 0

    invocation.run(work)


async def _from_database(
    settings: Settings, models: tuple[type[Any], ...], log: bool, chunks: int, since: timedelta
) -> tuple[list[Asked], dict[str, list[Any]]]:
    from docstore.clients import get_database
    from docstore.clients.mongo import close_mongo_client

    plain = settings.with_urls(query_log=False)
    async with opened_servers(plain, state_dir=kept_state_dir(plain), services=("mongodb",)) as servers:
        database = get_database(servers.settings)
        try:
            asked = await _asked(database, since) if log else []
            return asked, await _splits(database, models, chunks) if chunks else {}
        finally:
            await close_mongo_client(servers.settings)


async def _asked(database: Any, since: timedelta) -> list[Asked]:
    from docstore.documents import utc_now
    from docstore.operations.advice.needs import needs_of
    from docstore.operations.advice.workload import read_workload
    from docstore.schema.sharding import Asked

    workload = await read_workload(database, since=utc_now() - since)
    found = []
    for use in workload.uses:
        for need in needs_of(use.shape):
            shape = use.shape
            found.append(
                Asked(
                    shape.collection,
                    shape.text,
                    need.equality,
                    frozenset(need.ranges),
                    shape.operation,
                    shape.limited,
                    round(use.count, 1),
                )
            )
    return found


async def _splits(database: Any, models: tuple[type[Any], ...], chunks: int) -> dict[str, list[Any]]:
    """Values that cut a sample of the key's first field into equal parts."""
    from docstore.schema.specs import collection_of, with_collections

    found: dict[str, list[Any]] = {}
    for model in with_collections(models):
        key = model.shard_key
        if key is None or key.hashed:
            continue
        field = model.stored_name(key.attributes[0])
        pipeline = [
            {"$sample": {"size": 10_000}},
            {"$project": {"_id": 0, "value": f"${field}"}},
            {"$sort": {"value": 1}},
        ]
        cursor = await database[collection_of(model)].aggregate(pipeline, allowDiskUse=True)
        values = [row["value"] for row in await cursor.to_list() if row.get("value") is not None]
        cuts = [values[len(values) * part // chunks] for part in range(1, chunks)] if len(values) >= chunks else []
        found[collection_of(model)] = list(dict.fromkeys(cuts))
    return found


def _print(invocation: Invocation, plan: ShardPlan) -> None:
    out = invocation.out
    for command in plan.first:
        out.print(Text(command), soft_wrap=True)
    for each in plan.collections:
        _print_collection(invocation, each)
    if plan.notes:
        out.print()
    for note in plan.notes:
        out.print(Text(note, "dim"), soft_wrap=True)
    if plan.unsharded:
        out.print(Text(f"Unsharded: {', '.join(plan.unsharded)}.", "dim"), soft_wrap=True)


def _print_collection(invocation: Invocation, plan: CollectionPlan) -> None:
    out = invocation.out
    key = ", ".join(f"{name} {way}" if way != 1 else name for name, way in plan.key)
    out.print(Text.assemble(("\n" + plan.collection, "bold"), f"  by {key}"))
    out.print(Text(f"// {plan.reason}", "dim"), soft_wrap=True)
    for command in plan.commands:
        out.print(Text(command), soft_wrap=True)
    width = max((len(each.target) for each in plan.targets), default=0)
    for target in plan.targets:
        times = f"  ({target.count:,.0f} times)" if target.count is not None else ""
        out.print(Text(f"  {target.target.value:<{width}}  {target.query}{times}"), soft_wrap=True)
    for warning in plan.warnings:
        out.print(Text.assemble(("  ! ", "yellow"), warning), soft_wrap=True)
