"""The ledger of the demo: at each stage what was expected and what was found, with a deadline for every wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from docstore.cli.demo.narration import Narrator
from docstore.errors import DocstoreError

T = TypeVar("T")

_POLL_S = 0.05
_IDLE_FOR_EACH_BUSY = 10
_DEADLINE_S = 30.0


class StageFailed(DocstoreError):
    """A stage did not find what it expected."""

    code: ClassVar[str] = "demo_stage"


@dataclass(frozen=True)
class Stage:
    """One line of the summary."""

    name: str
    expected: Any
    found: Any
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether both agree."""
        return bool(self.expected == self.found)


class Ledger:
    """Collects the stages. The first that fails ends the demo: what follows builds on it."""

    def __init__(self, narrator: Narrator) -> None:
        self.stages: list[Stage] = []
        self._narrator = narrator

    def check(self, name: str, expected: T, found: T) -> None:
        """Record a stage that needs no waiting.

        Raises:
            StageFailed: the two differ.
        """
        self._record(Stage(name, expected, found, 0.0), waited=False)

    async def wait(
        self, name: str, expected: T, measure: Callable[[], Awaitable[T]], *, deadline_s: float = _DEADLINE_S
    ) -> T:
        """Record a stage that others bring about: measure until it is as expected, and return what it is then.

        Raises:
            StageFailed: it is not, and nothing has changed for `deadline_s` seconds: a busy machine is slow, not stuck.
        """
        start = changed = time.perf_counter()
        before: T | None = None
        with self._narrator.waiting(name) as tell:
            while True:
                asked = time.perf_counter()
                found = await measure()
                now = time.perf_counter()
                seconds = now - start
                if found != before:
                    before, changed = found, now
                if found == expected or now - changed > deadline_s:
                    break
                tell(found, expected)
                # Watching must not take the servers' time from those that are watched.
                await asyncio.sleep(max(_POLL_S, _IDLE_FOR_EACH_BUSY * (now - asked)))
        self._record(Stage(name, expected, found, seconds), waited=True)
        return found

    def _record(self, stage: Stage, *, waited: bool) -> None:
        self.stages.append(stage)
        self._narrator.stage(stage.name, stage.expected, stage.found, stage.seconds if waited else None, ok=stage.ok)
        if not stage.ok:
            after = f" after {stage.seconds:.0f} s" if waited else ""
            raise StageFailed(
                f"Stage {stage.name!r}: expected {stage.expected}, found {stage.found}{after}.",
                hint="Run `docstore doctor`; `docstore --debug demo` shows what the workers log.",
            )
