"""Python source of values and calls, broken into lines as ruff's formatter has it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bson import Decimal128, Int64, ObjectId

from docstore.errors import MigrationError

_WIDTH: Final = 120


@dataclass(frozen=True)
class Name:
    """A name in the source, as it stands."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call: what is called, and its arguments in order, then by name."""

    target: str
    arguments: Sequence[Any] = ()
    named: Mapping[str, Any] = field(default_factory=dict)

    def lines(self, indent: int) -> list[str]:
        """Its source lines, indented as a statement in a block of that depth, without the block's indentation."""
        flat = f"{self.target}({', '.join(self._flat())})"
        if len(flat) + indent <= _WIDTH:
            return [flat]
        inside = ", ".join(self._flat())
        if len(inside) + indent + 4 <= _WIDTH:
            return [f"{self.target}(", f"    {inside}", ")"]
        body: list[str] = []
        for prefix, value in self._parts():
            body += _block(value, prefix, indent + 4)
        return [f"{self.target}(", *(f"    {line}" for line in body), ")"]

    def _parts(self) -> list[tuple[str, Any]]:
        return [("", each) for each in self.arguments] + [(f"{name}=", each) for name, each in self.named.items()]

    def _flat(self) -> list[str]:
        return [prefix + flat(value) for prefix, value in self._parts()]


def flat(value: Any) -> str:
    """A value's source in one line.

    Raises:
        MigrationError: it has none.
    """
    if isinstance(value, Name):
        return value.text
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Int64):
        return repr(int(value))
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, ObjectId | Decimal128):
        return f'{type(value).__name__}("{value}")'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flat(name)}: {flat(each)}" for name, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(flat(each) for each in value) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(flat(each) for each in value) + "]"
    raise MigrationError(
        f"a value of type {type(value).__name__} cannot be written into a migration.",
        hint="Write this migration by hand: docstore migrate new.",
    )


def _block(value: Any, prefix: str, indent: int) -> list[str]:
    """A value on lines of its own, a comma after it."""
    one = f"{prefix}{flat(value)},"
    if len(one) + indent <= _WIDTH or not value or not isinstance(value, Mapping | list | tuple):
        return [one]
    opened, closed = ("{", "}") if isinstance(value, Mapping) else ("[", "]") if isinstance(value, list) else ("(", ")")
    inner: list[str] = []
    if isinstance(value, Mapping):
        for name, each in value.items():
            inner += _block(each, f"{flat(name)}: ", indent + 4)
    else:
        for each in value:
            inner += _block(each, "", indent + 4)
    return [f"{prefix}{opened}", *(f"    {line}" for line in inner), f"{closed},"]
