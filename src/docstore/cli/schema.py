"""`docstore schema`: what the database itself refuses, and what it holds that it would refuse."""

from __future__ import annotations

import typer

from docstore.cli import validators
from docstore.cli.drift import drift
from docstore.cli.schema_check import check

group = typer.Typer(help="Validators, and what existing documents would fail by them.", no_args_is_help=True)
group.add_typer(validators.group, name="validators")
group.command("check")(check)
group.command("drift")(drift)
