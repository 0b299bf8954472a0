"""What a reindex is asked for, and what it tells in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from docstore.search.building import BuildCounts


@dataclass(frozen=True, slots=True)
class ReindexOptions:
    """How to reindex.

    Attributes:
        force: also when the new index is empty, or much smaller than the old one.
        dry_run: make and check every record, and write nothing.
        restart: from the beginning, though one that was stopped could be gone on with.
        readers: ranges of ids read side by side; None for one for each 250,000 documents, four at most.
        smallest_share: of the old index's records that the new one must have.
        patience_s: for how long an engine that is away is waited for.
        lease_s: after how many seconds a reindex that was killed may be gone on with.
    """

    force: bool = False
    dry_run: bool = False
    restart: bool = False
    readers: int | None = None
    smallest_share: float = 0.5
    patience_s: float = 300.0
    lease_s: float = 30.0


@dataclass
class ReindexReport:
    """What a reindex did.

    Attributes:
        index: its name.
        counts: records written in this run.
        previous: records of the index before.
        records: records of the index now; of a dry run, how many there would be.
        replayed: changes made meanwhile, before the move and after it.
        resumed: whether it went on where another one stopped.
        swept: indexes that were left behind, and are deleted.
        refusal: of a dry run, why the new index would not be put in the old one's place.
        seconds: how long it took.
    """

    index: str
    counts: BuildCounts = field(default_factory=BuildCounts)
    previous: int = 0
    records: int = 0
    replayed: tuple[int, int] = (0, 0)
    resumed: bool = False
    swept: Sequence[str] = ()
    refusal: str | None = None
    seconds: float = 0.0
