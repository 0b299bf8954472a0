"""Directories of migration files written by tests, and collections compared exactly."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from docstore.schema.migrations import MigrationRunner, Pace

Database = AsyncDatabase[dict[str, Any]]
Write = Callable[..., Path]

MECHANISM = ("Mig", "Lease", "_dropped")
"""How the names of collections begin that migrations have for themselves."""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a migration: ``write(1, up="await m. …", down="…")``."""

    def written(
        number: int, *, up: str = "pass", down: str = "pass", slug: str = "change", head: str = "", **_: Any
    ) -> Path:
        path = tmp_path / "migrations" / f"{number:04d}_{slug}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f'description = "change {number}"\n{head}\n\nasync def up(m):\n'
            + textwrap.indent(textwrap.dedent(up).strip(), "    ")
            + "\n\nasync def down(m):\n"
            + textwrap.indent(textwrap.dedent(down).strip(), "    ")
            + "\n"
        )
        return path

    return written


@pytest.fixture
def runner(database: Database, tmp_path: Path) -> MigrationRunner:
    """A runner over the written files, in batches of two documents."""
    (tmp_path / "migrations").mkdir(exist_ok=True)
    return MigrationRunner(database, tmp_path / "migrations", who="tests", pace=Pace(batch_size=2))


async def contents(database: Database, collection: str = "Post") -> list[dict[str, Any]]:
    """Every document, in the order of their ids."""
    return await database[collection].find().sort("_id", 1).to_list()


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every collection but those of the mechanism."""
    names = await database.list_collection_names()
    return {name: await contents(database, name) for name in sorted(names) if not name.startswith(("Mig", "Lease"))}
