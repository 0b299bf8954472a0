"""What `docstore search` prints: progress, and the outcome of its commands."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import TaskID
from rich.text import Text

from docstore.cli.progress import progress_bar
from docstore.cli.tables import table

if TYPE_CHECKING:
    from docstore.cli.invocation import Invocation
    from docstore.errors import DocstoreError
    from docstore.search import IndexStatus, Progress, ReindexReport, SyncReport, VerifyReport
    from docstore.workers import SearchBacklog


class SearchProgress:
    """A bar for each index and stage, with rate and time left, on a terminal."""

    def __init__(self, invocation: Invocation) -> None:
        self._console = invocation.err
        self._hidden = invocation.json
        self._stack = ExitStack()
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress = self._stack.enter_context(progress_bar(self._console, hidden=self._hidden))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self, at: Progress) -> None:
        """Show how far it is."""
        self._show(f"{at.index}: {at.stage}", at.done, at.total)

    def counted(self, index: str, done: int, total: int) -> None:
        """Show how far a full sync is."""
        self._show(f"{index}: writing", done, total)

    def _show(self, name: str, done: int, total: int) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._bars[name], completed=done, total=total)


@contextmanager
def warnings_shown(invocation: Invocation) -> Iterator[None]:
    """A block in which an operator sees that the engine is waited for, and what else the library warns of."""
    shown = _Shown(invocation)
    loggers = [logging.getLogger(name) for name in ("docstore.search", "docstore.workers")]
    before = [(each, each.level, each.propagate) for each in loggers]
    for each in loggers:
        each.addHandler(shown)
        each.setLevel(min(logging.WARNING, each.getEffectiveLevel()))
        each.propagate = False
    try:
        yield
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(shown)
            logger.setLevel(level)
            logger.propagate = propagate


class _Shown(logging.Handler):
    """Prints on the console of the progress bars, which stay below."""

    def __init__(self, invocation: Invocation) -> None:
        super().__init__()
        self._console = invocation.err

    def emit(self, record: logging.LogRecord) -> None:
        at = f"{datetime.fromtimestamp(record.created):%H:%M:%S} "
        self._console.print(Text.assemble((at, "dim"), record.getMessage()), soft_wrap=True)


def show_status(invocation: Invocation, found: Sequence[IndexStatus]) -> None:
    """A line for each index, and what is parked."""
    rows = (
        (
            each.index,
            f"{each.records:,}" if each.exists else "missing",
            f"{each.documents:,}",
            f"{each.parked:,}",
            _settings(each),
            each.reindex.lower() if each.reindex else "-",
        )
        for each in found
    )
    columns = ("index", "records", "documents", "parked", "settings", "reindex")
    invocation.out.print(table(*columns, rows=rows, right=("records", "documents", "parked")))
    parked = [(each.index, one.object_id, str(one.attempts), one.reason) for each in found for one in each.examples]
    if parked:
        invocation.out.print(table("parked in", "objectID", "attempts", "reason", rows=parked))
        invocation.out.print("Mend the documents, or the records, then try again with `docstore search sync`.")
    if left := [name for each in found for name in each.leftovers]:
        invocation.out.print(f"Left behind: {', '.join(left)}. The next `docstore search reindex` deletes them.")
    if any(not each.exists for each in found):
        invocation.out.print("`docstore search reindex` builds what is missing.")
    if any(each.settings_differ for each in found):
        invocation.out.print("`docstore search settings diff` tells which settings differ.")


def show_backlog(invocation: Invocation, backlog: SearchBacklog) -> None:
    """What the indexes are still to follow."""
    broker = "no broker was asked" if backlog.broker is None else f"{backlog.broker:,} messages wait in the broker"
    invocation.out.print(f"{_changes(backlog.outbox)} in the outbox, {broker}.")
    if backlog.watched_ago_s is not None:
        invocation.out.print(f"`docstore search watch` has followed every change up to {_ago(backlog.watched_ago_s)}.")
    if backlog.dead_letters:
        invocation.out.print(
            f"{backlog.dead_letters:,} messages were given up: `docstore dead-letters status --worker search` says why."
        )


def show_refused(invocation: Invocation, refused: Mapping[str, DocstoreError]) -> None:
    """Indexes that were left as they are, and why."""
    for error in refused.values():
        invocation.err.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
        if error.hint:
            invocation.err.print(Text(error.hint), soft_wrap=True)


def show_sync(invocation: Invocation, report: SyncReport) -> None:
    """What was written."""
    names = sorted({*report.saved, *report.deleted, *report.parked})
    if names:
        rows = (
            (name, *(f"{counts.get(name, 0):,}" for counts in (report.saved, report.deleted, report.parked)))
            for name in names
        )
        columns = ("saved", "deleted", "parked")
        invocation.out.print(table("index", *columns, rows=rows, right=columns))
    else:
        invocation.out.print("Every record is what its document says.")
    if report.parked:
        invocation.out.print("`docstore search status` tells why records are parked.")


def show_reindex(invocation: Invocation, reports: Sequence[ReindexReport], *, dry_run: bool) -> None:
    """What was built."""
    rows = (
        (
            each.index,
            f"{each.previous:,}",
            f"{each.records:,}",
            f"{sum(each.replayed):,}",
            f"{each.counts.parked:,}",
            f"{each.counts.bytes / 1e3:,.0f} kB",
            f"{each.seconds:,.1f} s" + (", went on" if each.resumed else ""),
        )
        for each in reports
    )
    columns = ("before", "would be" if dry_run else "now", "replayed", "parked", "size", "time")
    if reports:
        invocation.out.print(table("index", *columns, rows=rows, right=columns))
    if swept := [name for each in reports for name in each.swept]:
        invocation.out.print(f"Deleted, left behind by others: {', '.join(swept)}.")
    for refusal in (each.refusal for each in reports if each.refusal):
        invocation.out.print(f"Without --force it would be refused: {refusal}")
    if dry_run:
        invocation.out.print("Nothing was written.")
    if any(each.counts.parked for each in reports):
        invocation.out.print("`docstore search status` tells why records are parked.")


def show_verify(invocation: Invocation, reports: Sequence[VerifyReport]) -> None:
    """What differs, and what was mended."""
    rows = (
        (
            each.index,
            *(f"{number:,}" for number in (each.compared, each.missing, each.stale, each.orphaned, each.unfit)),
            _mended(each),
        )
        for each in reports
    )
    columns = ("compared", "missing", "stale", "orphaned", "unfit")
    invocation.out.print(table("index", *columns, "mended", rows=rows, right=columns))
    examples = [(each.index, kind, ", ".join(ids)) for each in reports for kind, ids in each.examples.items() if ids]
    if examples:
        invocation.out.print(table("index", "what", "objectIDs", rows=examples))
    if not all(each.ok for each in reports):
        invocation.out.print("`docstore search verify --mend` writes and deletes what differs.")
    if any(each.unfit for each in reports):
        invocation.out.print("What is unfit cannot be written; `docstore search sync` parks it with the reason.")


def _settings(status: IndexStatus) -> str:
    if not status.exists:
        return "-"
    return f"{status.settings_differ} differ" if status.settings_differ else "as declared"


def _changes(number: int) -> str:
    return "1 change waits" if number == 1 else f"{number:,} changes wait"


def _ago(seconds: float) -> str:
    return "now" if seconds < 1 else f"{timedelta(seconds=round(seconds))} ago"


def _mended(report: VerifyReport) -> str:
    saved = sum(report.mended.saved.values())
    deleted = sum(report.mended.deleted.values())
    return f"{saved:,} saved, {deleted:,} deleted" if saved or deleted else "-"
