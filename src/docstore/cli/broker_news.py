"""What a running worker says of brokers that went away: the driver's word, seldom, and nothing of its other chatter."""

from __future__ import annotations

import logging
import time
from typing import Final

_EVERY_S: Final = 60.0
_CHATTER: Final = ("cluster", "conn", "consumer", "coordinator", "producer", "admin")

_log = logging.getLogger("docstore.workers")


class _Seldom(logging.Filter):
    """Passes nothing on, and tells of what is wrong in a line of its own, once a minute."""

    def __init__(self, every_s: float) -> None:
        super().__init__()
        self._every_s = every_s
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            _log.error("A Kafka broker does not answer, and is asked again: %s", record.getMessage())
        return False


def tell_of_brokers(every_s: float = _EVERY_S) -> None:
    """Let the log say when brokers do not answer, though nothing is to be sent or read: at most once in `every_s`."""
    # Its cluster, consumers and producers repeat what its client says first.
    for name in _CHATTER:
        logging.getLogger(f"aiokafka.{name}").setLevel(logging.CRITICAL)
    client = logging.getLogger("aiokafka")
    client.setLevel(logging.ERROR)
    client.addFilter(_Seldom(every_s))
