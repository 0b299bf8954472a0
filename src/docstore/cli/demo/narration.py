"""How the demo is told: chapters, lines for each stage, tables. Silent when one JSON object is all that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from docstore.cli.tables import Cell, mark, table


class Narrator:
    """Tells the story on a console.

    Args:
        out: where the story goes; a quiet console tells nothing.
        err: where a wait shows how far it is, when it is a terminal.
    """

    def __init__(self, out: Console, err: Console) -> None:
        self._out = out
        self._err = err
        self._chapters = 0

    def chapter(self, title: str, text: str) -> None:
        """Begin a chapter: its title, and in a sentence or two what happens in it."""
        self._chapters += 1
        self._out.print()
        self._out.rule(Text(f"{self._chapters}. {title}", "bold"), align="left", style="dim")
        self._out.print(Text(text, "dim"))

    def table(self, *columns: str, rows: Iterable[Iterable[Cell]], right: Iterable[str] = ()) -> None:
        """Show a table."""
        self._out.print(table(*columns, rows=rows, right=right))

    def say(self, text: str) -> None:
        """Say a sentence."""
        self._out.print(Text(text))

    def stage(self, name: str, expected: Any, found: Any, seconds: float | None, *, ok: bool) -> None:
        """Tell how a stage came out."""
        line = Text.assemble("  ", mark(ok), "  ", (name, "bold"), f": {shown(found)}")
        if not ok:
            line.append(f" instead of {shown(expected)}")
        if seconds is not None:
            line.append(f"  ({seconds:.2f} s)", "dim")
        self._out.print(line)

    @contextmanager
    def waiting(self, name: str) -> Iterator[Callable[[Any, Any], None]]:
        """A block during which something is waited for; call what it gives with what is found and expected."""
        if self._out.quiet or not self._err.is_terminal:
            yield lambda found, expected: None
            return
        with self._err.status(Text(name)) as line:
            yield lambda found, expected: line.update(Text(f"{name}: {shown(found)} of {shown(expected)}"))


def shown(value: Any) -> str:
    """A number or other value, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
