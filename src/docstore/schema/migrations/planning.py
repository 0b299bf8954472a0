"""What is to be run, and whether files and journal agree enough to run anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docstore.errors import MigrationError, MigrationHistoryError
from docstore.schema.migrations.entries import Entry, State
from docstore.schema.migrations.files import MigrationFile


@dataclass(frozen=True)
class Standing:
    """How one migration stands: its file, its row of the journal, and what is wrong between them.

    `file` is None for one that is in the journal alone, `problem` empty when nothing is wrong.
    """

    name: str
    state: State
    file: MigrationFile | None
    entry: Entry | None
    problem: str = ""
    hint: str = ""

    @property
    def number(self) -> int:
        """Its number."""
        return int(self.name.split("_", 1)[0])

    @property
    def in_database(self) -> bool:
        """Whether the database has it, or a part of it."""
        return self.state in (State.APPLIED, State.RUNNING, State.FAILED)


def standings(files: Sequence[MigrationFile], entries: Mapping[str, Entry]) -> list[Standing]:
    """How every migration stands that has a file or is in the journal, in order."""
    by_name = {each.name: each for each in files}
    applied = [each for each in entries.values() if each.state in (State.APPLIED, State.RUNNING, State.FAILED)]
    last = max((_number(each.name) for each in applied), default=0)
    return [
        _standing(name, by_name.get(name), entries.get(name), last)
        for name in sorted(by_name.keys() | entries.keys(), key=lambda name: (_number(name), name))
        if name in by_name or entries[name].state is not State.ROLLED_BACK
    ]


def refuse_problems(found: Sequence[Standing], *, allow_out_of_order: bool = False) -> None:
    """Nothing, when files and journal agree.

    Raises:
        MigrationHistoryError: they do not; names every migration, and the way out of the first.
    """
    wrong = [each for each in found if each.problem and not (allow_out_of_order and _out_of_order(each))]
    if wrong:
        told = " ".join(f"{each.name} {each.problem}." for each in wrong)
        raise MigrationHistoryError(told, hint=wrong[0].hint)


def pending(found: Sequence[Standing], to: str | None) -> list[Standing]:
    """Those that `up` is to run, in order.

    Args:
        to: the number or name of the last one; None for all.
    """
    last = numbered(found, to) if to is not None else None
    return [each for each in found if each.state is not State.APPLIED and (last is None or each.number <= last)]


def revertible(found: Sequence[Standing], *, to: str | None, steps: int | None) -> list[Standing]:
    """Those that `down` is to take back, the last one first.

    Args:
        to: the number or name of the last one that stays; "0" takes back all.
        steps: how many, instead; one when neither is given.
    """
    there = [each for each in reversed(found) if each.in_database]
    if to is not None:
        stays = numbered(found, to)
        return [each for each in there if each.number > stays]
    return there[: 1 if steps is None else steps]


def numbered(found: Sequence[Standing], wanted: str) -> int:
    """The number that a number or a name stands for; 0 for what is before the first.

    Raises:
        MigrationError: there is no such migration.
    """
    if wanted.isdigit() and int(wanted) == 0:
        return 0
    return named(found, wanted).number


def named(found: Sequence[Standing], wanted: str) -> Standing:
    """The migration that a number or a name stands for.

    Raises:
        MigrationError: there is no such migration.
    """
    for each in found:
        if wanted == each.name or (wanted.isdigit() and int(wanted) == each.number):
            return each
    raise MigrationError(
        f"there is no migration {wanted!r}.",
        hint=f"There are {', '.join(each.name for each in found)}." if found else "There is none yet.",
    )


def _standing(name: str, file: MigrationFile | None, entry: Entry | None, last: int) -> Standing:
    state = entry.state if entry is not None else State.PENDING
    if state is State.ROLLED_BACK:
        state = State.ROLLED_BACK if file is not None else State.PENDING
    problem, hint = _problem(name, file, entry, state, last)
    return Standing(name, state, file, entry, problem, hint)


def _problem(name: str, file: MigrationFile | None, entry: Entry | None, state: State, last: int) -> tuple[str, str]:
    if file is None:
        return "is in the journal and has no file", (
            f"Bring the file back (it may be on another branch), or, if it is gone on purpose and its changes stay, "
            f"say so: docstore migrate resolve --rolled-back {name}."
        )
    if state is State.APPLIED and entry is not None and entry.checksum != file.checksum:
        return "was edited after it was applied", (
            "Give the file its old text back and write a new migration for what is to change; or, if the edit changes "
            f"nothing it does, accept it: docstore migrate resolve --applied {name}."
        )
    if state in (State.PENDING, State.ROLLED_BACK) and file.number < last:
        return "is pending, and a later one is applied already", (
            "Give it the next free number, or run it out of order: docstore migrate up --allow-out-of-order; or, if "
            f"the database has its changes already: docstore migrate resolve --applied {name}."
        )
    return "", ""


def _out_of_order(standing: Standing) -> bool:
    return standing.file is not None and standing.state in (State.PENDING, State.ROLLED_BACK)


def _number(name: str) -> int:
    return int(name.split("_", 1)[0])
