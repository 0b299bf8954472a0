"""What only the author of a change knows: read from options, and asked for where somebody can answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.cli.invocation import Invocation
    from docstore.schema.migrations.generating import Answers
    from docstore.schema.snapshot import Snapshot
    from docstore.schema.snapshot_diff import SchemaChange


def parsed(renames: Sequence[str], fills: Sequence[str]) -> Answers:
    """The answers of ``--rename`` and ``--fill``.

    Raises:
        SettingsError: one is malformed.
    """
    from docstore.schema.migrations.generating import Answers
    from docstore.schema.snapshot_diff import Renames

    collections: dict[str, str] = {}
    fields: dict[tuple[str, str], str] = {}
    values: dict[tuple[str, str], dict[Any, Any]] = {}
    filled: dict[str, Any] = {}
    for text in renames:
        old, new = _halves(text, "--rename", "Post.title=headline")
        collection, _, path = old.partition(".")
        path, is_value, value = path.partition(":")
        if is_value:
            values.setdefault((collection, path), {})[value] = new
        elif path:
            fields[collection, path] = new.removeprefix(f"{collection}.")
        else:
            collections[collection] = new
    for text in fills:
        name, given = _halves(text, "--fill", "Post.priority=0")
        filled[name] = _value(given)
    return Answers(Renames(collections, fields, values), filled)


def asked(invocation: Invocation, directory: Path, snapshot: Snapshot, answers: Answers) -> Answers:
    """The answers, with those of whoever sits at the terminal; nobody is asked where nobody can answer."""
    from docstore.schema.migrations.generating import candidates, changes_since

    if invocation.json or not (sys.stdin.isatty() and invocation.err.is_terminal):
        return answers
    refused: set[tuple[str, str]] = set()
    while True:
        changes = changes_since(directory, snapshot, answers.renames)
        open_pairs = [pair for pair in candidates(changes) if (str(pair[0]), str(pair[1])) not in refused]
        if not open_pairs:
            return answers
        gone, new = open_pairs[0]
        if typer.confirm(f"{_where(gone)} is gone and {_where(new)} is new. Was it renamed?", err=True):
            answers = replace(answers, renames=_with(answers, gone, new))
        else:
            refused.add((str(gone), str(new)))


def _with(answers: Answers, gone: SchemaChange, new: SchemaChange) -> Any:
    renames = answers.renames
    if not gone.path:
        return replace(renames, collections={**renames.collections, gone.collection: new.collection})
    return replace(renames, fields={**renames.fields, (gone.collection, gone.path): new.path})


def _where(change: SchemaChange) -> str:
    return f"{change.collection}.{change.path}" if change.path else change.collection


def _halves(text: str, option: str, example: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not equals or not left.strip() or not right.strip():
        raise SettingsError(f"{option} {text!r} is malformed.", hint=f"Such as: {option} {example}.")
    return left.strip(), right.strip()


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # text need not be quoted twice
