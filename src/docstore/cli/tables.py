"""Tables that look alike in every command."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

Cell = str | Text


def table(*columns: str, rows: Iterable[Iterable[Cell]], right: Iterable[str] = (), title: str | None = None) -> Table:
    """A table; the columns named in `right` are aligned to the right. Cells are taken as they stand, not as markup."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in set(right) else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def mark(ok: bool) -> Text:
    """Yes or no, readable without colours."""
    return Text("ok", "green") if ok else Text("FAILED", "bold red")
