"""Writing migration files: an empty one to fill in, or one with what was generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from docstore.errors import MigrationError
from docstore.schema.migrations.files import FILL_IN, next_number, slug_of

_EMPTY: Final = '''"""{title}."""

from docstore.schema.migrations import Migration

description = {description!r}


async def up(m: Migration) -> None:
    """The way there. Every helper is a step that is resumed where it got to: see the page on migrations."""


async def down(m: Migration) -> None:
    """The way back, from the last step to the first."""
'''


@dataclass
class Script:
    """What a migration file is to say: the lines of its two functions, without indentation.

    Args:
        description: what it does, in a few words.
        up: lines of ``up``.
        down: lines of ``down``.
        notes: what the reader is to know first.
    """

    description: str
    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def rendered(self) -> str:
        """The file's text, as ruff's formatter leaves it."""
        body = "\n".join((*self.up, *self.down))
        names = [
            *(["FILL_IN"] if FILL_IN in body else []),
            "Migration",
        ]
        errors = "from docstore.errors import IrreversibleMigration\n" if "IrreversibleMigration" in body else ""
        bson = sorted(name for name in ("Decimal128", "ObjectId") if f"{name}(" in body)
        lines = [f'"""{_sentence(self.description)}'] + (["", *self.notes] if self.notes else [])
        lines[-1] += '"""' if not self.notes else ""
        if self.notes:
            lines.append('"""')
        imports = (f"from bson import {', '.join(bson)}\n\n" if bson else "") + errors
        imports += f"from docstore.schema.migrations import {', '.join(names)}\n"
        return (
            "\n".join(lines)
            + f"\n\n{imports}\n"
            + f"description = {_quoted(self.description)}\n\n\n"
            + _function("up", self.up)
            + "\n\n"
            + _function("down", self.down)
        )


def new_migration(directory: Path, title: str) -> Path:
    """Write an empty migration with the next free number.

    Raises:
        MigrationError: the title has nothing for a name.
    """
    slug = slug_of(title)
    text = _EMPTY.format(title=_sentence(title).removesuffix("."), description="@")
    return write_new(directory, slug, text.replace("'@'", _quoted(title.strip())))


def write_new(directory: Path, slug: str, text: str) -> Path:
    """Write a migration file with the next free number, never over another."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{next_number(directory):04d}_{slug}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise MigrationError(
            f"{path} cannot be written: {type(error).__name__}.", hint="Look at the folder."
        ) from error
    return path


def _function(name: str, lines: list[str]) -> str:
    body = "\n".join(f"    {line}" if line else "" for line in lines) if lines else "    pass"
    return f"async def {name}(m: Migration) -> None:\n{body}\n"


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}.".replace("\\", "\\\\").replace('"', "'")


def _quoted(text: str) -> str:
    # As the formatter has it: double quotes, unless the text holds them.
    inner = text.replace("\\", "\\\\")
    if '"' not in inner:
        return f'"{inner}"'
    return f"'{inner}'" if "'" not in inner else '"' + inner.replace('"', '\\"') + '"'
