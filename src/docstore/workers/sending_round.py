"""Many e-mails side by side, until they are sent, put off, or the provider turns out to take nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from docstore.errors import AccessDenied, OperationTimeout, ServerUnavailable, ServiceError

AT_ONCE: Final = 10
"""E-mails on their way to the provider at the same time."""

_UNREACHED_IN_A_ROW: Final = 3
_REFUSED_IN_A_ROW: Final = 20
_FINISH_S: Final = 4.0

Recipient = Mapping[str, Any]


class SendingRound:
    """Sends to recipients of one newsletter.

    A provider that cannot be reached three times in a row, or takes none of twenty in a row, is asked for no more.

    Args:
        send: sends to one recipient, and writes that down.
    """

    def __init__(self, send: Callable[[Recipient], Awaitable[None]]) -> None:
        self.put_off: list[Recipient] = []
        """Whose e-mails the provider takes later, as it says."""
        self._send = send
        self._unreached = 0
        self._refused = 0
        self._away: Exception | None = None
        self._over = False

    async def run(self, recipients: Sequence[Recipient]) -> None:
        """Send to these.

        Raises:
            ServerUnavailable, OperationTimeout, AccessDenied: the provider takes nothing now.
        """
        gate = asyncio.Semaphore(AT_ONCE)
        tasks = [asyncio.create_task(self._one(each, gate)) for each in recipients]
        if not tasks:
            return
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            # What the provider took and nobody wrote down would be sent twice.
            self._over = True
            await asyncio.wait(tasks, timeout=_FINISH_S)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.result()
        if self._away is not None:
            raise self._away

    async def _one(self, recipient: Recipient, gate: asyncio.Semaphore) -> None:
        async with gate:
            if self._over:
                return
            try:
                await self._send(recipient)
            except (ServerUnavailable, OperationTimeout, AccessDenied) as error:
                self._unreached += 1
                self._away = error
                # A login that is refused now is refused for the next one too.
                self._over |= isinstance(error, AccessDenied) or self._unreached >= _UNREACHED_IN_A_ROW
            except ServiceError as error:
                self._refused += 1
                self.put_off.append(recipient)
                if self._refused >= _REFUSED_IN_A_ROW:
                    self._over, self._away = True, _takes_nothing(error)
            else:
                self._unreached = self._refused = 0


def _takes_nothing(error: ServiceError) -> ServerUnavailable:
    away = ServerUnavailable(f"the mail provider took none of {_REFUSED_IN_A_ROW} e-mails in a row: {error}")
    away.__cause__ = error
    return away
