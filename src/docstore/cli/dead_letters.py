"""`docstore dead-letters`: what workers gave up on, and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.reasons import checked_reason
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.cli.tables import table
from docstore.cli.wording import counted
from docstore.errors import NotFound, SettingsError

if TYPE_CHECKING:
    from docstore.store import Store
    from docstore.workers import DeadLetter, DeadLettersStatus, RetriedLetters, Worker

group = typer.Typer(
    help="Look at messages that workers gave up on, try them again, or pass over them.", no_args_is_help=True
)

ConsumerOption = Annotated[str | None, typer.Option("--worker", help="Only those of this worker, or consumer group.")]
_SERVICES = ("mongodb", "redis", "kafka", "algolia")


@group.command()
def status(context: typer.Context, consumer: ConsumerOption = None, json: JsonFlag = False) -> None:
    """Say how many messages wait for a decision, and why they were given up. Exit code 1 when any waits."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.workers import dead_letters_status

        async with _store(invocation):
            found = await dead_letters_status(_group_of(consumer))
        ok = not any(found.waiting.values())
        _tell(invocation, found)
        invocation.print_json({"ok": ok, **asdict(found)})
        return 0 if ok else 1

    invocation.run(work)


@group.command()
def show(
    context: typer.Context,
    letter: Annotated[str, typer.Argument(help="Id of a dead letter.")],
    value: Annotated[
        bool, typer.Option("--value", help="With the message's key and value; they may hold personal data.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Show a message that was given up: where it stands, its headers, and what was said about it."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.workers import DeadLetter

        async with _store(invocation):
            found = await DeadLetter.get(letter)
        if found is None:
            raise NotFound(f"there is no dead letter {letter}.", hint="`docstore dead-letters status` names them.")
        told = _shown(found, value)
        for name, each in told.items():
            if each is not None:
                invocation.out.print(f"{name:<10} {each}", markup=False)
        invocation.print_json({"ok": True, **told})
        return 0

    invocation.run(work)


@group.command()
def retry(
    context: typer.Context,
    letters: Annotated[list[str] | None, typer.Argument(help="Ids of dead letters.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    consumer: ConsumerOption = None,
    json: JsonFlag = False,
) -> None:
    """Let the workers handle messages again, here and now. Exit code 1 when any fails once more."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        if bool(letters) == every:
            raise SettingsError("say which letters: their ids, or --all.")
        async with _store(invocation, _SERVICES) as store:
            done = await _retry(store, letters or None, _group_of(consumer))
        invocation.out.print(f"Handled: {counted(done.handled, 'message')}.")
        if done.failed:
            rows = done.failed.items()
            invocation.out.print(table("failed again", "reason", rows=rows))
        invocation.print_json({"ok": not done.failed, **asdict(done)})
        return 1 if done.failed else 0

    invocation.run(work)


@group.command()
def skip(
    context: typer.Context,
    letters: Annotated[list[str], typer.Argument(help="Ids of dead letters.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with them.", callback=checked_reason)],
    json: JsonFlag = False,
) -> None:
    """Never handle these messages. They are removed after thirty days."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.workers import skip_dead_letters

        async with _store(invocation):
            count = await skip_dead_letters(letters, reason=reason)
        invocation.out.print(f"{counted(count, 'message')} will not be handled.")
        invocation.print_json({"ok": True, "messages": count})
        return 0

    invocation.run(work)


async def _retry(store: Store, letters: Sequence[str] | None, only: str | None) -> RetriedLetters:
    from docstore.workers import RetriedLetters, retry_dead_letters

    handled, failed = 0, dict[str, str]()
    for consumer, ids in (await _by_consumer(letters, only)).items():
        done = await retry_dead_letters(await _worker_of(store, consumer), ids)
        handled += done.handled
        failed |= done.failed
    return RetriedLetters(handled, failed)


async def _by_consumer(letters: Sequence[str] | None, only: str | None) -> dict[str, list[str] | None]:
    """The letters to try, by who gave them up; None for all of a consumer's."""
    from docstore.workers import DeadLetter, dead_letters_status

    if letters is None:
        found = await dead_letters_status(only)
        return {consumer: None for consumer, count in found.waiting.items() if count}
    named: defaultdict[str, list[str] | None] = defaultdict(list)
    for each in letters:
        letter = await DeadLetter.get(each)
        if letter is None or (only is not None and letter.consumer != only):
            raise NotFound(f"there is no dead letter {each}.", hint="`docstore dead-letters status` names them.")
        cast(list[str], named[letter.consumer]).append(each)
    return dict(named)


async def _worker_of(store: Store, consumer: str) -> Worker:
    from docstore.clients.metrics import NoMetrics
    from docstore.workers.registry import WORKERS

    for kind in WORKERS.values():
        if kind.group == consumer:
            return cast("Worker", await kind.make(store, NoMetrics()))
    raise SettingsError(
        f"no worker of this installation reads for {consumer}.",
        hint="Call docstore.workers.retry_dead_letters with the worker where it is defined.",
    )


def _group_of(worker: str | None) -> str | None:
    from docstore.workers.registry import WORKERS

    kind = WORKERS.get(worker or "")
    return kind.group if kind is not None and kind.group else worker


def _tell(invocation: Invocation, found: DeadLettersStatus) -> None:
    waiting = {name: count for name, count in found.waiting.items() if count}
    if waiting:
        rows = ((name, str(count)) for name, count in waiting.items())
        invocation.out.print(table("consumer", "given up", rows=rows, right=("given up",)))
    told = f"{sum(waiting.values())} wait for a decision"
    if waiting:
        told += f", the oldest for {found.oldest_s:,.0f} s"
    invocation.out.print(f"{told}. {found.handled} were handled later, {found.skipped} skipped.")
    if found.examples:
        letters = (
            (each.id, each.consumer, f"{each.topic}/{each.partition}:{each.offset}", str(each.retries), each.error)
            for each in found.examples
        )
        invocation.out.print(table("letter", "consumer", "message", "retries", "reason", rows=letters))
        invocation.out.print(
            "`docstore dead-letters retry` lets the workers try again, `docstore dead-letters skip` passes over them."
        )


def _shown(letter: DeadLetter, value: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "letter": str(letter.id),
        "consumer": letter.consumer,
        "message": f"{letter.topic}/{letter.partition}:{letter.offset}",
        "event": letter.event_id,
        "since": letter.created_at.isoformat() if letter.created_at else None,
        "error": letter.error,
        "retries": letter.retries,
        "outcome": letter.outcome.value if letter.outcome else None,
        "note": letter.note,
        "headers": dict(letter.headers),
    }
    if value:
        told["key"] = letter.key.decode("utf-8", "backslashreplace") if letter.key is not None else None
        told["value"] = letter.value.decode("utf-8", "backslashreplace") if "value" not in letter.left_out else None
    return told


@asynccontextmanager
async def _store(invocation: Invocation, services: tuple[str, ...] = ("mongodb",)) -> AsyncIterator[Store]:
    from docstore.store import Store

    settings = invocation.settings()
    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=services) as servers,
        Store(servers.settings, models=invocation.models()) as store,
    ):
        yield store
