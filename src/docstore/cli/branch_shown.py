"""What `docstore branch` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from docstore.cli.progress import progress_bar
from docstore.cli.tables import table

if TYPE_CHECKING:
    from docstore.cli.invocation import Invocation
    from docstore.operations.branches import Branch, BranchProgress, CollectionDiff, Differences


@contextmanager
def copy_progress(invocation: Invocation) -> Iterator[Callable[[BranchProgress], None]]:
    """A block that shows which collection is copied."""
    with progress_bar(invocation.err, hidden=invocation.json) as progress:
        line = progress.add_task("copying")
        yield lambda at: progress.update(line, description=at.collection, completed=at.number, total=at.total)


def branch_table(branches: Sequence[Branch], current: str) -> Any:
    """The branches of a database."""
    now = datetime.now(UTC)
    return table(
        "branch",
        "database",
        "made (UTC)",
        "expires (UTC)",
        "holds",
        "state",
        rows=(
            (
                each.name,
                each.database,
                f"{each.created:%Y-%m-%d %H:%M}",
                f"{each.expires:%Y-%m-%d %H:%M}" if each.expires else "never",
                "everything" if each.sample is None else f"a sample of {each.sample:,}",
                str(each.state(now)) + (", in use here" if each.database == current else ""),
            )
            for each in branches
        ),
    )


def diff_table(different: Sequence[CollectionDiff]) -> Any:
    """The collections that differ."""
    return table(
        "collection",
        "structure",
        "documents",
        "for example",
        rows=((each.name, _structure_told(each), _counts_told(each), _ids_told(each)) for each in different),
    )


def _structure_told(each: CollectionDiff) -> str:
    if each.only_in is not None:
        return f"only in {each.only_in}"
    parts = [f"options: {', '.join(each.options)}"] if each.options else []
    for sign, names in (("+", each.indexes_added), ("-", each.indexes_removed), ("~", each.indexes_changed)):
        parts += [f"index {sign}{name}" for name in names]
    return ", ".join(parts)


def _told(found: Differences, ids: bool) -> list[tuple[str, Any]]:
    signs = ("+", "~", "-")
    counts = (found.added, found.changed, found.removed)
    samples = (found.added_ids, found.changed_ids, found.removed_ids)
    return [(sign, which if ids else count) for sign, count, which in zip(signs, counts, samples, strict=True) if count]


def _counts_told(each: CollectionDiff) -> str:
    return " ".join(f"{sign}{count:,}" for sign, count in _told(each.documents, ids=False))


def _ids_told(each: CollectionDiff) -> str:
    return " ".join(f"{sign}{ids[0]}" for sign, ids in _told(each.documents, ids=True))


def branch_json(branch: Branch) -> dict[str, Any]:
    """A branch, for machines."""
    return {
        "branch": branch.name,
        "database": branch.database,
        "created": branch.created.isoformat(),
        "expires": branch.expires.isoformat() if branch.expires else None,
        "sample": branch.sample,
        "state": branch.state(datetime.now(UTC)),
    }


def expiry_told(branch: Branch) -> str:
    """A sentence on when it expires; nothing when it never does."""
    return f" It expires {branch.expires:%Y-%m-%d %H:%M} UTC." if branch.expires else ""
