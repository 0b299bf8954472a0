"""Writing into an env file which branch is worked with."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from docstore.errors import SettingsError


def write_settings(path: Path, values: Mapping[str, str | None]) -> None:
    """Set ``NAME=value`` lines in an env file; None takes a line out. Everything else stays as it is.

    The file is replaced in one step; one that does not exist is made, readable for its owner alone.

    Raises:
        SettingsError: it cannot be read or written.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        _replace(path, _with(text, values))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the settings file {path} cannot be changed: {type(error).__name__}.",
            hint="Check that it is text, and the rights of the file and its folder.",
        ) from error


def _with(text: str, values: Mapping[str, str | None]) -> str:
    lines, written = [], set()
    for line in text.splitlines():
        found = re.match(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", line)
        name = found[1].upper() if found else ""
        if name not in values:
            lines.append(line)
        elif values[name] is not None and name not in written:
            lines.append(f"{name}={values[name]}")
            written.add(name)
    lines += [f"{name}={value}" for name, value in values.items() if value is not None and name not in written]
    return "\n".join(lines) + "\n"


def _replace(path: Path, text: str) -> None:
    target = path.resolve()  # a link goes on being one
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(mode)
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
