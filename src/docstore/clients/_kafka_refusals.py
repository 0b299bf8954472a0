"""Why no broker let us in. aiokafka keeps that to its log: its error says only that none could be reached."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from docstore.clients._kafka_options import connection_options, tls_context, unreachable
from docstore.errors import AccessDenied, DocstoreError, ServerUnavailable
from docstore.settings import Settings

_LIMIT_S: Final = 2.0
_TLS_ALERT: Final = 0x15
# OpenSSL's numbers for a certificate that is fine, but names another host or another IP address.
_NAMES_ANOTHER: Final = (62, 64)
# Of TLS's alerts those that speak of a certificate, or of its owner: a server sends them about its client's.
_ABOUT_CERTIFICATES: Final = frozenset(
    {
        *("NO_CERTIFICATE", "BAD_CERTIFICATE", "UNSUPPORTED_CERTIFICATE", "CERTIFICATE_REVOKED", "CERTIFICATE_EXPIRED"),
        *("CERTIFICATE_UNKNOWN", "CERTIFICATE_REQUIRED", "UNKNOWN_CA", "ACCESS_DENIED"),
    }
)


async def why_unreachable(settings: Settings, error: Exception) -> DocstoreError:
    """What to raise after `error`: asks the brokers once more, for 2 s at most, and listens to how they refuse.

    A limit that has passed is not stretched: then, and when nothing more is found out, it is `unreachable`.
    """
    from aiokafka.conn import collect_hosts
    from aiokafka.errors import KafkaConnectionError

    if isinstance(error, KafkaConnectionError):
        hosts = collect_hosts(settings.kafka_bootstrap, randomize=False)
        found = await asyncio.gather(*(_refusal(settings, host, port) for host, port, _ in hosts))
        for each in found:
            if each is not None:
                return each
    return unreachable(settings, error)


async def _refusal(settings: Settings, host: str, port: int) -> DocstoreError | None:
    """How one broker refuses; None when it does not, or does not answer at all."""
    from aiokafka.errors import KafkaError

    where = f"Kafka at {host}:{port} (KAFKA_SERVICE_URI)"
    try:
        async with asyncio.timeout(_LIMIT_S):
            try:
                return await _ask(settings, host, port, where)
            except (OSError, KafkaError) as error:
                alert = _alert(error)
                if alert is None and settings.kafka_protocol.endswith("SSL") and _is_hang_up(error.__cause__):
                    alert = await _alert_to_silence(settings, host, port)
                return (
                    _of_login(where, settings, error)
                    or _of_trust(where, settings, error)
                    or _of_certificate(where, settings, alert)
                    or _of_tls(where, settings, error)
                )
    except TimeoutError:
        return None


async def _ask(settings: Settings, host: str, port: int, where: str) -> DocstoreError | None:
    from aiokafka.conn import create_conn
    from aiokafka.errors import KafkaConnectionError
    from aiokafka.protocol.metadata import MetadataRequest

    options = connection_options(settings)
    del options["bootstrap_servers"]
    connection = await create_conn(host, port, **options)
    try:
        await connection.send(MetadataRequest([]))
    except KafkaConnectionError:
        # Before a login brokers tell their versions, and hang up on everything else.
        return None if settings.kafka_protocol.startswith("SASL_") else _login_wanted(where, settings)
    finally:
        connection.close()
    return None


async def _alert_to_silence(settings: Settings, host: str, port: int) -> str | None:
    """The alert of a server that is told nothing: one that hangs up on what it has not read yet may take it back."""
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=tls_context(settings))
        try:
            await reader.read(1)
        finally:
            writer.close()
    except OSError as error:
        return _alert(error)
    return None


def _alert(error: BaseException | None) -> str | None:
    """The name of the alert with which the other side ended TLS: in TLS 1.3 after the handshake, for us."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and (name := (error.reason or "").partition("_ALERT_")[2]):
            return name
        error = error.__cause__
    return None


def _is_hang_up(error: BaseException | None) -> bool:
    return isinstance(error, ConnectionError | asyncio.IncompleteReadError)


def _login_wanted(where: str, settings: Settings) -> DocstoreError:
    return ServerUnavailable(
        f"{where} hung up on the first request: it wants a login, as it seems.",
        hint=f"Set KAFKA_USERNAME and KAFKA_PASSWORD; KAFKA_SECURITY_PROTOCOL={settings.kafka_protocol} sends none.",
        field="KAFKA_USERNAME",
    )


def _of_login(where: str, settings: Settings, error: Exception) -> DocstoreError | None:
    from aiokafka.errors import IllegalSaslStateError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

    if isinstance(error, SaslAuthenticationFailed):
        return AccessDenied(
            f"{where} refused the login.",
            hint="Check KAFKA_USERNAME and KAFKA_PASSWORD, and that the brokers know this user for "
            f"KAFKA_SASL_MECHANISM={settings.kafka_sasl_mechanism}.",
            field="KAFKA_PASSWORD",
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return AccessDenied(
            f"{where} offers no login by KAFKA_SASL_MECHANISM={settings.kafka_sasl_mechanism}.",
            hint="Set it to one that the brokers offer (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512).",
            field="KAFKA_SASL_MECHANISM",
        )
    if isinstance(error, IllegalSaslStateError):
        return ServerUnavailable(
            f"{where} takes no login.",
            hint="Check the port: brokers take logins on one of their own. For one without a login leave "
            f"KAFKA_USERNAME and KAFKA_PASSWORD out; KAFKA_SECURITY_PROTOCOL is {settings.kafka_protocol}.",
            field="KAFKA_SECURITY_PROTOCOL",
        )
    return None


def _of_trust(where: str, settings: Settings, error: Exception) -> DocstoreError | None:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    reason = error.verify_message.rstrip(".")
    if error.verify_code in _NAMES_ANOTHER:
        return ServerUnavailable(
            f"{where} shows a certificate for another host: {reason}.",
            hint="Set KAFKA_SERVICE_URI to names that the certificate holds.",
            field="KAFKA_SERVICE_URI",
        )
    trusted = "KAFKA_CA_CERT" if settings.kafka_ca_cert else "the system's trusted authorities"
    return ServerUnavailable(
        f"{where} shows a certificate that {trusted} did not sign, or that is not valid now: {reason}.",
        hint="Set KAFKA_CA_CERT to the certificate of the authority that signed the brokers'"
        + ("." if settings.kafka_ca_cert else "; KAFKA_CA_CERT is not set."),
        field="KAFKA_CA_CERT",
    )


def _of_certificate(where: str, settings: Settings, alert: str | None) -> DocstoreError | None:
    if alert not in _ABOUT_CERTIFICATES:
        return None
    if settings.kafka_client_cert is None:
        return AccessDenied(
            f"{where} wants a certificate of its clients, and KAFKA_CLIENT_CERT is not set.",
            hint="Set KAFKA_CLIENT_CERT and KAFKA_CLIENT_KEY, or check the port: brokers take logins on another.",
            field="KAFKA_CLIENT_CERT",
        )
    return AccessDenied(
        f"{where} refused the certificate of KAFKA_CLIENT_CERT: {alert.lower().replace('_', ' ')}.",
        hint="Check that it is a client's, valid now, and signed by an authority that these brokers trust.",
        field="KAFKA_CLIENT_CERT",
    )


def _of_tls(where: str, settings: Settings, error: Exception) -> DocstoreError | None:
    protocol = settings.kafka_protocol
    if protocol.endswith("SSL") and isinstance(error, ssl.SSLError | ConnectionResetError):
        return ServerUnavailable(
            f"{where} broke off the TLS handshake.",
            hint="Check that this port speaks TLS, and whether it wants a certificate of its clients "
            f"(KAFKA_CLIENT_CERT); KAFKA_SECURITY_PROTOCOL is {protocol}.",
            field="KAFKA_SECURITY_PROTOCOL",
        )
    if not protocol.endswith("SSL") and _is_tls_alert(error.__cause__):
        return ServerUnavailable(
            f"{where} answers in TLS, and was spoken to in plain text.",
            hint=f"Set KAFKA_SECURITY_PROTOCOL={protocol.replace('PLAINTEXT', 'SSL')} instead of {protocol}.",
            field="KAFKA_SECURITY_PROTOCOL",
        )
    return None


def _is_tls_alert(error: BaseException | None) -> bool:
    # A message of Kafka begins with its length, and the driver took the alert's first bytes, 15 03 03 00, for it.
    return isinstance(error, asyncio.IncompleteReadError) and (error.expected or 0) >> 24 == _TLS_ALERT
