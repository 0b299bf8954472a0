"""`docstore migrate`: change what a database holds, there and back."""

from __future__ import annotations

import typer

from docstore.cli.migrate_journal import baseline, forget, reset, resolve
from docstore.cli.migrate_running import down, plan, status, up
from docstore.cli.migrate_writing import generate, new

group = typer.Typer(help="Write, plan, apply and roll back migrations.", no_args_is_help=True)
for _command in (new, generate, status, plan, up, down, resolve, baseline, forget, reset):
    group.command()(_command)
