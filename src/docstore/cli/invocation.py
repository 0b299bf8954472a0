"""One call of the command line: its options, its consoles, and how its work is run and its errors are told."""

from __future__ import annotations

import asyncio
import json as json_module
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from docstore.errors import DocstoreError

if TYPE_CHECKING:
    from docstore.settings import Settings

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]

TERMINATED = "terminated"
"""What the work of a command is cancelled with by SIGTERM."""

_INTERRUPTED = 130
_TERMINATED = 143
_WIDTH_WITHOUT_TERMINAL = 120


@dataclass(frozen=True)
class Invocation:
    """The options that every command has."""

    env_file: Path | None = None
    models_at: str | None = None
    json: bool = False
    debug: bool = False

    @classmethod
    def of(cls, context: typer.Context, json: bool) -> Invocation:
        """The invocation of a command, with its own ``--json`` counting like the one before it."""
        given = context.obj if isinstance(context.obj, cls) else cls()
        return replace(given, json=given.json or json)

    def settings(self) -> Settings:
        """The settings of the environment and, where given, of the file.

        Raises:
            SettingsError: they are missing, malformed or contradict each other.
        """
        from docstore.settings import Settings

        settings = Settings.from_env(self.env_file)
        return settings if self.models_at is None else settings.with_urls(models=self.models_at)

    def models(self) -> tuple[type[Any], ...]:
        """The document classes to work with: those of ``--models``, else of MODELS.

        Raises:
            SettingsError: nothing of that name can be imported, or it is no sequence of document classes.
        """
        from docstore.cli.models import load_models

        return load_models(self.settings().models)

    @cached_property
    def out(self) -> Console:
        """Where results go; silent when one JSON object is all that is wanted."""
        return _console(quiet=self.json)

    @cached_property
    def err(self) -> Console:
        """Where progress and errors go."""
        return _console(stderr=True)

    def print_json(self, value: Mapping[str, Any]) -> None:
        """Print the one JSON object, when it is wanted."""
        if self.json:
            print(json_module.dumps(value, default=str, ensure_ascii=False), flush=True)

    def run(self, work: Callable[[], Awaitable[int]]) -> NoReturn:
        """Run a command's work to its end, and exit with its code; errors become a sentence and exit code 1."""
        self._set_up_logging()
        raise typer.Exit(self._run(work))

    def _run(self, work: Callable[[], Awaitable[int]]) -> int:
        try:
            return asyncio.run(_until_terminated(work))
        except KeyboardInterrupt:
            return self._interrupted()
        except asyncio.CancelledError as error:
            return _TERMINATED if TERMINATED in error.args else self._interrupted()
        except BrokenPipeError:
            # Whoever read our output has enough; Python's own flush at exit must not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 1
        except Exception as error:
            return self._tell(innermost(error))

    def _interrupted(self) -> int:
        if not self.json:
            self.err.print("Interrupted.")
        return _INTERRUPTED

    def _tell(self, error: Exception) -> int:
        if self.debug:
            self.err.print_exception()
        if isinstance(error, DocstoreError):
            code, message, hint = error.code, error.message, error.hint or ""
        else:
            code, message = "unexpected", f"unexpected {type(error).__name__}: {error}"
            hint = "Run it again with `docstore --debug ...` to see where."
        if self.json:
            self.print_json({"ok": False, "error": {"code": code, "message": message, "hint": hint}})
        else:
            self.err.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)
            if hint:
                self.err.print(Text(hint), soft_wrap=True)
        return 1

    def _set_up_logging(self) -> None:
        level = logging.DEBUG if self.debug else logging.ERROR
        logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("docstore").setLevel(level)
        if not self.debug:
            # What it says of a broker that is away we say ourselves, once.
            logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def _until_terminated(work: Callable[[], Awaitable[int]]) -> int:
    """Run `work`; SIGTERM cancels it, so that servers and clients are closed on the way out."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel, TERMINATED)
    try:
        return await work()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def innermost(error: Exception) -> Exception:
    """The first error inside nested groups of them."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _console(*, stderr: bool = False, quiet: bool = False) -> Console:
    console = Console(stderr=stderr, quiet=quiet, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console
