"""How a plan of indexes, and its being carried out, look in a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.table import Table
from rich.text import Text

from docstore.cli.tables import table
from docstore.schema.indexes import SyncListener

if TYPE_CHECKING:
    from rich.status import Status

    from docstore.cli.invocation import Invocation
    from docstore.errors import DocstoreError
    from docstore.schema import IndexPlan, IndexProgress, IndexStep

_STYLES: Final = {
    "create": "green",
    "change": "yellow",
    "unhide": "yellow",
    "hide": "yellow",
    "drop": "red",
    "keep": "dim",
    "unknown": "magenta",
}
_DONE: Final = {
    "create": "created",
    "change": "changed",
    "unhide": "unhidden",
    "hide": "hidden",
    "drop": "dropped",
}
_UNKNOWN: Final = "Unknown ones are left alone; `docstore indexes sync --prune` drops them."


def plan_table(plan: IndexPlan, *, every: bool = False) -> Table | None:
    """What is to be done, and with `every` what is in order; None when there is nothing to show."""
    shown = [each for each in plan.steps if every or each.action.value != "keep"]
    if not shown:
        return None
    return table(
        "action",
        "collection",
        "index",
        "keys",
        "serves",
        rows=(
            (
                Text(each.action.value, _STYLES[each.action.value]),
                each.collection,
                each.name,
                _keys(each),
                Text(each.detail, "yellow") if each.detail else each.serves,
            )
            for each in sorted(shown, key=lambda each: (each.collection, each.action.value, each.name))
        ),
    )


def counted(plan: IndexPlan) -> str:
    """How many steps of each kind a plan has, in a sentence."""
    counts = plan.counts()
    words = ", ".join(f"{count} to {name}" for name, count in counts.items() if count and name in _DONE)
    kept = f"{counts['keep']} in order"
    unknown = f", {counts['unknown']} unknown" if counts["unknown"] else ""
    missing = f" {len(plan.missing)} collections to create." if plan.missing else ""
    hint = f" {_UNKNOWN}" if counts["unknown"] else ""
    return f"{words + ', ' if words else ''}{kept}{unknown}.{missing}{hint}"


class SyncShown(SyncListener):
    """A block that prints the plan, a line for each step that is done, and how far the present one is."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._status: Status = invocation.err.status("Comparing indexes …")

    def __enter__(self) -> Self:
        if not self._invocation.json:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def waiting(self, message: str) -> None:
        self._status.update(f"Waiting: {message} …")
        if not self._invocation.json and not self._invocation.err.is_terminal:
            self._invocation.err.print(f"Waiting: {message}.")

    def planned(self, plan: IndexPlan) -> None:
        shown = plan_table(plan)
        if shown is not None:
            self._invocation.out.print(shown)
        self._invocation.out.print(counted(plan))

    def progress(self, at: IndexProgress) -> None:
        done = f" {at.done:,} of {at.size:,}" if at.done is not None and at.size else ""
        seconds = f", {at.seconds:.0f} s" if at.seconds >= 1 else ""
        self._status.update(f"{at.number} of {at.total}: {at.collection} {at.name}: {at.phase}{done}{seconds}")

    def done(self, step: IndexStep, seconds: float) -> None:
        word = _DONE[step.action.value]
        self._invocation.out.print(f"  {word:9} {step.collection} {step.name}, {seconds:.1f} s", markup=False)

    def failed(self, step: IndexStep, error: DocstoreError) -> None:
        self._invocation.out.print(f"  failed    {step.collection} {step.name}", markup=False)


def _keys(step: IndexStep) -> str:
    keys = ", ".join(name if way == 1 else f"{name} {way}" for name, way in step.spec.keys)
    options = [name for name in ("unique", "sparse", "hidden") if step.spec.options.get(name)]
    if "partialFilterExpression" in step.spec.options:
        options.append("partial")
    if "collation" in step.spec.options:
        options.append("collation")
    if "expireAfterSeconds" in step.spec.options:
        options.append(f"expires {step.spec.options['expireAfterSeconds']} s")
    return f"{keys} ({', '.join(options)})" if options else keys
