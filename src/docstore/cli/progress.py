"""Progress bars with rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from docstore.operations import SeedProgress


class _Rate(ProgressColumn):
    """Documents a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="dim")


@contextmanager
def progress_bar(console: Console, *, hidden: bool = False) -> Iterator[Progress]:
    """A block during which progress is shown, when the console is a terminal."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=hidden or not console.is_terminal,
    ) as progress:
        yield progress


@contextmanager
def seed_progress(console: Console, *, hidden: bool = False) -> Iterator[Callable[[SeedProgress], None]]:
    """A block that shows a seed's progress: small collections pass by in one line, large ones get a bar each."""
    bars: dict[str, TaskID] = {}
    with progress_bar(console, hidden=hidden) as progress:
        small = progress.add_task("small collections", total=None)

        def listen(at: SeedProgress) -> None:
            if at.done == at.total and at.collection not in bars:
                progress.update(small, description=f"{at.collection}", completed=at.done, total=at.total)
                return
            if at.collection not in bars:
                bars[at.collection] = progress.add_task(at.collection, total=at.total)
            progress.update(bars[at.collection], completed=at.done, total=at.total)

        yield listen
