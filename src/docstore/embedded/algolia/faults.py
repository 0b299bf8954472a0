"""Faults on request, for tests: answers that fail, come late, or never come.

Only served with ``--allow-faults``. ``POST /_faults`` adds one, ``GET`` lists them, ``DELETE`` removes all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from docstore.embedded.algolia.errors import bad_request


@dataclass
class Fault:
    """One fault.

    Attributes:
        status: answer with this status; None answers as usual (after the delay).
        message: the answer's message.
        delay: seconds to wait first.
        refuse: close the connection without an answer.
        after: carry the request out first, so that only its answer is lost.
        retry_after: seconds for the ``Retry-After`` header.
        path: a regular expression that must be found in the path.
        method: the HTTP method it is for; empty for all.
        count: how many requests it still meets; None for all.
    """

    status: int | None = None
    message: str = "injected fault"
    delay: float = 0.0
    refuse: bool = False
    after: bool = False
    retry_after: int | None = None
    path: str = ""
    method: str = ""
    count: int | None = None


class Faults:
    """The faults that wait for a request, first come, first met."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, given: Mapping[str, Any]) -> Fault:
        """Add one from its JSON form.

        Raises:
            ApiError: 400, a member is unknown or the pattern is no regular expression.
        """
        try:
            fault = Fault(**given)
            re.compile(fault.path)
        except (TypeError, re.error) as error:
            raise bad_request(f"Invalid fault: {error}") from error
        self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all."""
        self._waiting.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Those that still wait, as JSON."""
        return [asdict(fault) for fault in self._waiting]

    def meet(self, method: str, path: str) -> Fault | None:
        """The fault that this request runs into, if any; counts it down."""
        for fault in self._waiting:
            if (not fault.method or fault.method == method) and re.search(fault.path, path):
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._waiting.remove(fault)
                return fault
        return None
