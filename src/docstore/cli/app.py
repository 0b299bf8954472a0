"""The `docstore` command: its options, and the commands it consists of."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from docstore._version import __version__
from docstore.cli import (
    advise,
    audit,
    backup,
    branch,
    dead_letters,
    doctor,
    indexes,
    jobs,
    migrate,
    outbox,
    retention,
    schema,
    search,
    seed,
    shard,
    up,
    worker,
)
from docstore.cli.demo import command as demo
from docstore.cli.invocation import Invocation

app = typer.Typer(
    name="docstore",
    help="Documents in MongoDB, and everything that follows from them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("doctor")(doctor.doctor)
app.command("seed")(seed.seed)
app.command("worker")(worker.worker)
app.command("advise")(advise.advise)
app.command("retention")(retention.retention)
app.add_typer(shard.group, name="shard")
app.add_typer(indexes.group, name="indexes")
app.add_typer(schema.group, name="schema")
app.add_typer(migrate.group, name="migrate")
app.add_typer(audit.group, name="audit")
app.add_typer(backup.group, name="backup")
app.add_typer(branch.group, name="branch")
app.add_typer(outbox.group, name="outbox")
app.add_typer(dead_letters.group, name="dead-letters")
app.add_typer(jobs.group, name="jobs")
app.add_typer(search.group, name="search")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed (one sentence says why), 2 wrong usage, 130 interrupted.

    Args:
        arguments: without the program's name; those of the process when None.
    """
    app(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="docstore")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"docstore {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    env_file: Annotated[
        Path | None, typer.Option(help="Read settings from this file too; the environment wins.", metavar="PATH")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(help="Work with these document classes instead of MODELS.", metavar="PACKAGE.MODULE:NAME"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and what the library logs.")] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    context.obj = Invocation(env_file=env_file, models_at=models, json=json, debug=debug)
