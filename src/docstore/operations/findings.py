"""What a diagnosis says: findings, each with the way to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from docstore.errors import DocstoreError


class Verdict(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    NOTE = "note"
    """Works as it is, but something may be wanted: the hint says what."""
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: what was looked at, such as ``redis`` or ``mongodb transactions``.
        ok: False when something has to be mended.
        detail: what was found.
        hint: how to mend it, or what may be wanted.
        latency_ms: milliseconds the server took to answer; None where nothing was measured.
    """

    check: str
    ok: bool
    detail: str
    hint: str = ""
    latency_ms: float | None = None

    @property
    def verdict(self) -> Verdict:
        """OK, or a NOTE when there is a hint all the same, or a PROBLEM."""
        if not self.ok:
            return Verdict.PROBLEM
        return Verdict.NOTE if self.hint else Verdict.OK

    @classmethod
    def of_error(cls, check: str, error: DocstoreError) -> Finding:
        """The problem that an error tells of."""
        return cls(check, False, error.message, error.hint or "")
