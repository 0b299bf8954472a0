"""Why an operator decides something: `--reason`."""

from __future__ import annotations

import typer


def checked_reason(reason: str) -> str:
    """The reason, if it is one; an empty one is wrong usage."""
    if not reason.strip():
        raise typer.BadParameter("say why: what is passed over is lost to its consumers.")
    return reason.strip()
