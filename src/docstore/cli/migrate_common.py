"""What the commands of `docstore migrate` share: their options, the runner, and what is refused."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation
from docstore.cli.patience import patient_database
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.schema.migrations import MigrationRunner
    from docstore.settings import Settings

DEFAULT_DIRECTORY = Path("migrations")
WAIT_S = 60.0  # longer than the lease of a process that died

DirectoryOption = Annotated[
    Path, typer.Option("--directory", help="Where the migration files are.", metavar="PATH", show_default=True)
]
DryFlag = Annotated[bool, typer.Option("--dry-run", help="Show operations and counts; write nothing.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Its number or name.", metavar="MIGRATION")]
OrderFlag = Annotated[bool, typer.Option("--allow-out-of-order", help="Apply one although a later one is applied.")]
WaitOption = Annotated[
    float, typer.Option("--wait", help="Seconds to wait for another deployment; 0 fails at once.", min=0)
]
BatchOption = Annotated[int, typer.Option("--batch-size", help="Documents in a batch.", min=1, max=100_000)]
ThrottleOption = Annotated[
    float | None, typer.Option("--throttle", help="Most documents a second.", min=0.1, metavar="N")
]
RenameOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rename",
        help="Post.title=headline for a field, Post=Article for a collection, Post.status:UP=UPVOTE for a value.",
        metavar="OLD=NEW",
    ),
]
FillOption = Annotated[
    list[str] | None,
    typer.Option("--fill", help="Post.priority=0: what documents without it get, as JSON.", metavar="FIELD=JSON"),
]
YesFlag = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@asynccontextmanager
async def opened_runner(
    invocation: Invocation,
    directory: Path,
    *,
    batch_size: int = 1000,
    throttle: float | None = None,
    wait: float = WAIT_S,
) -> AsyncIterator[MigrationRunner]:
    """A runner on the opened database, as the options say."""
    from docstore.schema.migrations import MigrationRunner, Pace

    async with patient_database(invocation) as opened:
        yield MigrationRunner(
            opened.database,
            found_directory(directory, opened.settings),
            who=who(),
            pace=Pace(batch_size, throttle),
            action=opened.settings.validator_action,
            waiting=wait,
            on_wait=lambda state: invocation.err.print(
                f"Waiting for {state.owner or 'another process'}, at it since {state.since:%H:%M:%S} UTC …",
                markup=False,
            ),
        )


def found_directory(given: Path, settings: Settings) -> Path:
    """The directory; where the default one is not there, and the models are docstore's own, the wheel's."""
    packaged = Path(str(files("docstore"))) / "_files" / "migrations"
    own = settings.models == type(settings).model_fields["models"].default
    return packaged if own and given == DEFAULT_DIRECTORY and not given.is_dir() and packaged.is_dir() else given


def who() -> str:
    """Who runs this, for the journal: user, host and process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}:{os.getpid()}"


def refuse_production(settings: Settings, yes: bool, what: str) -> None:
    """Refuse to change a production database without --yes."""
    if settings.is_production and not yes:
        raise SettingsError(
            f"DB_METHOD is PRODUCTION: {what} in {settings.effective_database_name!r}.",
            hint="If that is what you want, add --yes; --dry-run shows what would happen.",
        )


def refuse_without_yes(yes: bool, what: str) -> None:
    """Refuse what destroys something without --yes."""
    if not yes:
        raise SettingsError(f"{what}.", hint="If that is what you want, add --yes.")
