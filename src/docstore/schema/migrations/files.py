"""Migration files: ``NNNN_slug.py`` in a directory, found, read and loaded.

A file holds a `description`, ``async def up(m)``, ``async def down(m)`` and, where it matters, `transaction`. It never
imports the models: those change, and what a migration does must not change with them.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from docstore.errors import MigrationError, MigrationHistoryError

if TYPE_CHECKING:
    from docstore.schema.migrations.context import Migration

FILL_IN: Final = "FILL_IN"
"""The name that stands where a generated file needs a value; a file that still holds it is not run."""

Function = Callable[["Migration"], Awaitable[None]]

_NAME: Final = re.compile(r"(\d{4,})_([a-z0-9]+(?:_[a-z0-9]+)*)\.py")
_NUMBERED: Final = re.compile(r"\d+.*\.py")


@dataclass(frozen=True)
class MigrationFile:
    """A migration file: its name without the ending, its number, where it is, its text and that of its snapshot."""

    name: str
    number: int
    path: Path
    source: str
    snapshot: str = ""

    @property
    def checksum(self) -> str:
        """SHA-256 of the source, and of the snapshot beside it, which it may refer to.

        What an editor changes by itself does not count: line ends, blank lines, trailing space.
        """
        lines = [line.rstrip() for text in (self.source, self.snapshot) for line in text.splitlines()]
        return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()

    def unfilled(self) -> list[int]:
        """The lines on which a value is still to be filled in."""
        return sorted(
            node.lineno
            for node in ast.walk(self._tree())
            if isinstance(node, ast.Name) and node.id == FILL_IN and isinstance(node.ctx, ast.Load)
        )

    def load(self) -> LoadedMigration:
        """Run the file's text and take its parts.

        Raises:
            MigrationError: it is no migration: a part is missing, it does not compile, it raises, or it imports models.
        """
        self._refuse_models()
        module = ModuleType(f"docstore_migration_{self.name}")
        module.__file__ = str(self.path)
        try:
            exec(compile(self.source, str(self.path), "exec"), module.__dict__)  # noqa: S102 - the operator's own file
        except Exception as error:
            raise MigrationError(
                f"{self.path} cannot be loaded: {type(error).__name__}: {error}.", hint="Mend the file."
            ) from error
        description = getattr(module, "description", None)
        transaction = getattr(module, "transaction", None)
        if not isinstance(description, str) or not description.strip():
            raise self._lacks('description = "what it does"')
        if transaction is not None and not isinstance(transaction, bool):
            raise self._lacks("transaction = True or False, if it says so at all")
        return LoadedMigration(
            self, description.strip(), self._function(module, "up"), self._function(module, "down"), transaction
        )

    def _function(self, module: ModuleType, name: str) -> Function:
        function: Any = getattr(module, name, None)
        if not inspect.iscoroutinefunction(function) or len(inspect.signature(function).parameters) != 1:
            raise self._lacks(f"async def {name}(m)")
        return function  # type: ignore[no-any-return]  # checked above

    def _lacks(self, part: str) -> MigrationError:
        return MigrationError(
            f"{self.path} is no migration: it needs {part}.",
            hint="Compare it with what `docstore migrate new` writes.",
        )

    def _tree(self) -> ast.Module:
        try:
            return ast.parse(self.source, str(self.path))
        except (SyntaxError, ValueError) as error:
            raise MigrationError(f"{self.path} is not Python: {error}.", hint="Mend the file.") from error

    def _refuse_models(self) -> None:
        for node in ast.walk(self._tree()):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if any(name == "docstore.models" or name.startswith("docstore.models.") for name in names):
                raise MigrationError(
                    f"{self.path} imports docstore.models.",
                    hint="Models change and a migration must not: name collections and fields as stored.",
                )


@dataclass(frozen=True)
class LoadedMigration:
    """A migration file that was run: what it says of itself, and its two functions.

    `transaction` is True when it is to run in one transaction, False when it must not, None when its size decides.
    """

    file: MigrationFile
    description: str
    up: Function
    down: Function
    transaction: bool | None

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.file.name


def find_migrations(directory: Path) -> tuple[MigrationFile, ...]:
    """The migration files of a directory, in order.

    Raises:
        MigrationError: there is no such directory, or a file's name is malformed.
        MigrationHistoryError: two files have the same number.
    """
    if not directory.is_dir():
        raise MigrationError(
            f"there is no directory {directory}.",
            hint="Make the first migration: docstore migrate generate, or docstore migrate new TITLE for an empty one.",
        )
    found = [_read(path) for path in sorted(directory.iterdir()) if _NUMBERED.fullmatch(path.name)]
    found.sort(key=lambda each: (each.number, each.name))
    for one, other in pairwise(found):
        if one.number == other.number:
            raise MigrationHistoryError(
                f"{one.name} and {other.name} have the same number.",
                hint="Give the one that is applied nowhere yet the next free number.",
            )
    return tuple(found)


def next_number(directory: Path) -> int:
    """The number of the next migration of a directory."""
    return max((each.number for each in find_migrations(directory)), default=0) + 1 if directory.is_dir() else 1


def slug_of(text: str) -> str:
    """Text as the readable part of a file's name.

    Raises:
        MigrationError: nothing of it can be part of a name.
    """
    slug = "_".join(re.findall(r"[a-z0-9]+", text.lower()))[:60].strip("_")
    if not slug:
        raise MigrationError("a migration's name needs letters or digits.", hint="Such as: add_priority_to_posts.")
    return slug


def _read(path: Path) -> MigrationFile:
    matched = _NAME.fullmatch(path.name)
    if matched is None:
        raise MigrationError(
            f"{path} is not named like a migration.",
            hint="Name it NNNN_slug.py, in small letters, digits and single underscores: 0007_add_priority.py.",
        )
    try:
        source = path.read_text(encoding="utf-8-sig")
        meta = path.parent / "meta" / f"{matched[1]}.json"
        snapshot = meta.read_text(encoding="utf-8") if meta.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError(f"{path} cannot be read: {type(error).__name__}.", hint="Save it as UTF-8.") from error
    return MigrationFile(path.stem, int(matched[1]), path, source, snapshot)
