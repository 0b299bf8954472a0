"""Errors of what documents are kept on: settings, servers, connections."""

from __future__ import annotations

from docstore.errors.base import DocstoreError


class SettingsError(DocstoreError):
    """A setting is missing, contradictory or malformed."""

    code = "settings"


class MissingExtra(DocstoreError):
    """An optional dependency is not installed."""

    code = "missing_extra"

    def __init__(self, extra: str, what: str) -> None:
        self.extra = extra
        super().__init__(
            f"{what} needs the optional extra {extra!r}, which is not installed.",
            hint=f"Install it: pip install 'docstore[{extra}]'.",
        )


class ServerUnavailable(DocstoreError):
    """A server could not be reached."""

    code = "server_unavailable"


class EmbeddedServerError(ServerUnavailable):
    """A local development server did not start, or died."""

    code = "embedded_server"


class ServiceError(DocstoreError):
    """A server answered, and refused."""

    code = "service_error"


class RecordRefused(ServiceError):
    """The search engine refuses a record for what it holds; sending it again will not help."""

    code = "record_refused"


class CommandRefused(ServiceError):
    """The server refuses one command for what it asks; others may well succeed."""

    code = "command_refused"


class AccessDenied(ServiceError):
    """The server does not let this user do it, or does not know the user."""

    code = "access_denied"


class OperationTimeout(DocstoreError):
    """No answer within the limit. A write that timed out may or may not have happened."""

    code = "timeout"


class NotBound(DocstoreError):
    """A model was used before a Store bound it to a database."""

    code = "not_bound"


class WrongEventLoop(DocstoreError, RuntimeError):
    """A connection is used on another event loop than the one it was opened on."""

    code = "event_loop"
