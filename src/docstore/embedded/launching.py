"""Bring one server from nothing to serving, or say why it does not serve and leave nothing of it behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from docstore.embedded.failures import died, expect_free, too_slow
from docstore.embedded.health import UnhealthyError
from docstore.embedded.process import ServerProcess
from docstore.embedded.services import Launch, Service
from docstore.embedded.state import StateDirectory
from docstore.errors import EmbeddedServerError

_HOST = "127.0.0.1"
_CHECK_INTERVAL_S = 0.05


@dataclass(frozen=True)
class Running:
    """A server that serves: its process, its URL and (0 when it cannot be given one) its port."""

    process: ServerProcess
    url: str
    port: int


async def launch(
    service: Service,
    how: Launch,
    state: StateDirectory,
    *,
    port: int,
    timeout: float,
    on_exit: Callable[[ServerProcess], None],
) -> Running:
    """Start `service` and wait, at most `timeout` seconds, until it answers in its own protocol.

    `on_exit` is called, in a thread, when the process ends. Raises EmbeddedServerError.
    """
    _check_port(service, port)
    process = ServerProcess(service.name, state.log(service.name), on_exit)
    process.spawn(
        how.module,
        ["--host", _HOST, "--port", str(port), *how.arguments],
        scratch=state.path if state.temporary else None,
        keep_open=state.lock_descriptor,
    )
    try:
        async with asyncio.timeout(timeout):
            return await _serving(service, process, port)
    except TimeoutError as error:
        await process.stop()
        raise too_slow(process, timeout) from error
    except BaseException:
        await process.stop()
        raise


def _check_port(service: Service, port: int) -> None:
    if not port:
        return
    if not service.takes_port:
        raise EmbeddedServerError(
            f"The embedded {service.name} server chooses its own ports.",
            hint=f"Leave out the port for {service.name} and read its URL from `urls` or servers.json.",
        )
    expect_free(service.name, _HOST, port)


async def _serving(service: Service, process: ServerProcess, port: int) -> Running:
    ready = await process.ready()
    if ready is None:
        await process.ended()
        raise died(process, port)
    url = service.url(ready)
    while True:
        try:
            await service.check(url)
        except (OSError, EOFError, UnhealthyError):
            if process.exit_code is not None:
                raise died(process, port) from None
            await asyncio.sleep(_CHECK_INTERVAL_S)
        else:
            return Running(process, url, int(ready["port"]) if service.takes_port else 0)
