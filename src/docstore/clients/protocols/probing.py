"""What an operator's check may ask of any server: whether it answers, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Ping:
    """One answer of a server.

    Attributes:
        server: which server answered: ``mongodb``, ``redis``, ``kafka`` or ``algolia``.
        address: where it was asked, with passwords masked.
        latency_ms: milliseconds between asking and the answer.
        detail: what the server says of itself, such as its version; may be empty.
    """

    server: str
    address: str
    latency_ms: float
    detail: str = ""


@runtime_checkable
class Probe(Protocol):
    """A server whose health can be asked for."""

    @property
    def name(self) -> str:
        """The server's short name, such as ``redis``."""
        ...

    async def ping(self) -> Ping:
        """Ask once, without retries.

        Raises:
            ServerUnavailable: nothing answers.
        """
        ...
