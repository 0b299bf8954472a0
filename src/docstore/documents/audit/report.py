"""What a verification of the audit log found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """What is wrong with the log.

    Args:
        kind: "altered", "missing", "erased" (values are gone and no purge says why), "seal", or "unexplained" (the
            document is not what its entries say).
        where: the entry's id, or the seal's number.
        detail: in words.
    """

    kind: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification found; at most 1,000 problems are listed.

    Args:
        entries: how many entries were read.
        documents: how many documents they belong to.
        seals: how many seals were checked.
        unsealed: entries since the last seal: of these a missing last one would not be found yet.
        anchor: the last seal's, to keep elsewhere; None without a seal.
        problems: empty when the log is whole.
        compared: documents held against their entries, where that was asked for.
        unlogged: documents of audited collections without any entry, likewise.
    """

    entries: int
    documents: int
    seals: int
    unsealed: int
    anchor: str | None
    problems: tuple[AuditProblem, ...]
    compared: int = 0
    unlogged: int = 0

    @property
    def ok(self) -> bool:
        """Whether the log is whole."""
        return not self.problems
