"""Certificates and keys for Kafka: what settings say, as PEM text or as the path of a file with it, for a TLS context.

Owns how they are read and what is said of those that do not fit. No message holds a value: what was taken for a path
may be a key.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docstore.settings import Settings

_PEM = "-----BEGIN "
_PRIVATE = "PRIVATE KEY-----"
# OpenSSL's words for a key and a certificate that are both fine, and do not belong together.
_MISMATCHES = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})
_TOO_WEAK = ("_TOO_SMALL", "_TOO_WEAK")


class Unfit(Exception):
    """A certificate or key cannot be used: the environment variable to change, and what it needs."""

    def __init__(self, variable: str, needs: str) -> None:
        super().__init__(variable, needs)
        self.variable = variable
        self.needs = needs


def real_newlines(value: str) -> str:
    r"""PEM text with real newlines, where an environment has them as ``\n``; a path is left as it is."""
    return value.replace("\\r", "").replace("\\n", "\n") + "\n" if _PEM in value else value


def trusting(ca_cert: str | None) -> ssl.SSLContext:
    """A context for which that authority alone vouches for servers; the system's trusted authorities when None.

    Raises:
        Unfit: it is no certificate.
    """
    if ca_cert is None:
        return ssl.create_default_context()
    with _file_of("KAFKA_CA_CERT", ca_cert) as file:
        _require_certificate("KAFKA_CA_CERT", file, ca_cert)
        return ssl.create_default_context(cafile=file)


def identify(context: ssl.SSLContext, settings: Settings) -> None:
    """Let servers be shown KAFKA_CLIENT_CERT, where it is set.

    Raises:
        Unfit: certificate, key or password cannot be used.
    """
    if settings.kafka_client_cert is None or settings.kafka_client_key is None:
        return
    with (
        _file_of("KAFKA_CLIENT_CERT", settings.kafka_client_cert) as certificate,
        _file_of("KAFKA_CLIENT_KEY", settings.kafka_client_key.get_secret_value()) as key,
    ):
        _require_certificate("KAFKA_CLIENT_CERT", certificate, settings.kafka_client_cert)
        _load(context, certificate, key, _password(settings))


def unfit(settings: Settings) -> Iterator[Unfit]:
    """What of the certificates and keys cannot be used."""
    if settings.kafka_ca_cert:
        try:
            trusting(settings.kafka_ca_cert)
        except Unfit as error:
            yield error
    try:
        identify(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), settings)
    except Unfit as error:
        yield error


def _password(settings: Settings) -> str | None:
    return settings.kafka_client_key_password.get_secret_value() if settings.kafka_client_key_password else None


def _load(context: ssl.SSLContext, certificate: str, key: str, password: str | None) -> None:
    asked = False

    def answer() -> str:
        # Always answered: without an answer OpenSSL asks the terminal, and waits for it.
        nonlocal asked
        asked = True
        return password or ""

    try:
        context.load_cert_chain(certificate, key, password=answer)
    except (OSError, ValueError) as error:  # OSError includes SSLError; ValueError: a password of more than 1,023 bytes
        reason = getattr(error, "reason", None) or ""
        if reason in _MISMATCHES:
            raise Unfit("KAFKA_CLIENT_KEY", "is not the key of KAFKA_CLIENT_CERT.") from None
        if reason.endswith(_TOO_WEAK):
            raise Unfit("KAFKA_CLIENT_CERT", f"is too weak for this machine's OpenSSL ({reason}).") from None
        if asked and password is None:
            needs = "is not set, but KAFKA_CLIENT_KEY is encrypted."
            raise Unfit("KAFKA_CLIENT_KEY_PASSWORD", needs) from None
        if asked:
            raise Unfit("KAFKA_CLIENT_KEY_PASSWORD", "does not open KAFKA_CLIENT_KEY.") from None
        raise Unfit("KAFKA_CLIENT_KEY", "holds no private key in PEM form.") from None


def _require_certificate(variable: str, file: str, value: str) -> None:
    if _PEM in value and _PRIVATE in value:
        needs = "holds a private key, and is shown to others."
        raise Unfit(variable, needs + (" KAFKA_CLIENT_KEY is for it." if variable == "KAFKA_CLIENT_CERT" else ""))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except (OSError, ValueError):
        raise Unfit(variable, r"is no certificate in PEM form (in text real or \n newlines are both fine).") from None


@contextmanager
def _file_of(variable: str, value: str) -> Iterator[str]:
    """The path of a file with what a setting says: its own, or that of a file for its text."""
    if _PEM in value:
        with _file_with(value) as written:
            yield written
        return
    try:
        path = Path(value)
        # Not a pipe, which nobody may ever write to.
        if not path.is_file():
            raise FileNotFoundError
        path.open("rb").close()
    except (OSError, ValueError) as error:
        why = "it may not be read" if isinstance(error, PermissionError) else "there is no such file"
        raise Unfit(variable, f"is neither text in PEM form nor the path of a file with it ({why}).") from None
    yield str(path)


@contextmanager
def _file_with(text: str) -> Iterator[str]:
    """A file with that text, for OpenSSL, which reads keys from files only; where possible it never is on a disk."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        descriptor = os.memfd_create("docstore")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as temporary:  # readable by this user alone
        temporary.write(text.encode())
        temporary.flush()
        yield temporary.name
