"""Redis's errors, told in docstore's words. The driver's error stays behind as the cause."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from docstore._masking import mask_url
from docstore.errors import (
    CommandRefused,
    DocstoreError,
    OperationTimeout,
    ServerUnavailable,
    ServiceError,
    WrongEventLoop,
)
from docstore.errors.answers import is_of_another_loop
from docstore.settings import Settings

if TYPE_CHECKING:
    pass


def address(settings: Settings) -> str:
    """Where the server is, with its password masked."""
    return mask_url(settings.redis_dsn.get_secret_value()) if settings.redis_dsn else "an own client"


def variable(settings: Settings) -> str:
    """The setting that says where it is."""
    return "REDIS_HOST" if settings.redis_url is None and settings.redis_host else "REDIS_URL"


class translated:  # noqa: N801  # reads as the statement it is
    """Turns the driver's errors into ours; made for every command, so nothing is worked out before one is raised."""

    __slots__ = ("_settings",)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            ours = told_of(error, self._settings)
            if ours is not None:
                raise ours from error


def told_of(error: Exception, settings: Settings) -> DocstoreError | None:
    """The driver's error in docstore's words; None for what is none of its errors."""
    from redis import exceptions

    if is_of_another_loop(error):
        return WrongEventLoop(
            f"the client that a RedisKeyValue was given for {address(settings)} was opened on another event loop.",
            hint="Make the client inside each asyncio.run(), or give none: each loop has a shared one of its own then.",
        )
    where, field = f"Redis at {address(settings)} ({variable(settings)})", variable(settings)
    if isinstance(error, exceptions.AuthenticationError):
        return ServiceError(f"{where} refused the login.", hint="Check user and password.", field=field)
    if isinstance(error, exceptions.TimeoutError):
        return OperationTimeout(
            f"{where} did not answer within {settings.redis_timeout_s:g} s; a write may have happened.",
            hint="Check the server's load, or raise REDIS_TIMEOUT_S.",
            field=field,
        )
    if isinstance(error, exceptions.ConnectionError):
        return ServerUnavailable(
            f"{where} does not answer: {type(error).__name__}.",
            hint="Check that it runs (`docker compose up -d redis` or `docstore up`), that host, port and "
            "TLS are right, and, when it does answer others, that REDIS_MAX_CONNECTIONS is large enough.",
            field=field,
        )
    if type(error) is exceptions.ResponseError:  # its subclasses are about the server, not about the command
        return CommandRefused(
            f"{where} refused a command for what it asks.",
            hint="The key may hold something else: a counter takes increments only while it holds a 64-bit integer.",
        )
    if isinstance(error, exceptions.RedisError):
        return ServiceError(f"{where} refused a command: {type(error).__name__}.")
    return None
