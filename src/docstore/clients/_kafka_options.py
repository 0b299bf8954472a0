"""What every aiokafka client is told: brokers, limits, login and trust."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from docstore._kafka_certificates import Unfit, identify, trusting
from docstore.errors import ServerUnavailable, SettingsError
from docstore.settings import Settings

if TYPE_CHECKING:
    import ssl


class _NoLogins(logging.Filter):
    """Keeps logins out of the log: at DEBUG the driver tells what it sends, the password of PLAIN included."""

    def filter(self, record: logging.LogRecord) -> bool:
        told = record.args if isinstance(record.args, tuple) else ()
        return not any(type(each).__name__.startswith("SaslAuthenticate") for each in told)


_no_logins = _NoLogins()


def require_brokers(settings: Settings) -> list[str]:
    """The brokers' addresses.

    Raises:
        SettingsError: Kafka is not configured.
    """
    if not settings.kafka_bootstrap:
        raise SettingsError(
            "Kafka is not configured: KAFKA_SERVICE_URI is not set.",
            hint="Example: KAFKA_SERVICE_URI=127.0.0.1:9092",
            field="KAFKA_SERVICE_URI",
        )
    return settings.kafka_bootstrap


def connection_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that producer, consumer and admin client have in common.

    Raises:
        SettingsError: Kafka is not configured, or the file of a certificate or key is not what it was.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": require_brokers(settings),
        "client_id": settings.kafka_client_id,
        "request_timeout_ms": round(settings.kafka_request_timeout_s * 1000),
        "security_protocol": settings.kafka_protocol,
    }
    if settings.kafka_protocol.endswith("SSL"):
        options["ssl_context"] = tls_context(settings)
    if settings.kafka_protocol.startswith("SASL_") and settings.kafka_password:
        logging.getLogger("aiokafka.conn").addFilter(_no_logins)
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return options


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Whom to trust, and what to show of oneself. Files are read each time: certificates are renewed.

    Raises:
        SettingsError: a file is not there any more, or what it holds now does not fit.
    """
    try:
        context = trusting(settings.kafka_ca_cert)
        identify(context, settings)
    except Unfit as error:
        raise SettingsError(f"{error.variable} {error.needs}", field=error.variable) from None
    return context


def identity(settings: Settings) -> Hashable:
    """What two settings must have in common to share a client."""
    return (
        tuple(settings.kafka_bootstrap),
        settings.kafka_protocol,
        settings.kafka_username,
        settings.kafka_password,
        settings.kafka_ca_cert,
        settings.kafka_client_cert,
        settings.kafka_client_key,
        settings.kafka_client_key_password,
        settings.kafka_sasl_mechanism,
        settings.kafka_client_id,
        settings.kafka_request_timeout_s,
    )


def unreachable(settings: Settings, error: Exception) -> ServerUnavailable:
    """What to tell when no broker answers."""
    login = ", that KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM are right"
    trust = ", that KAFKA_CA_CERT is the authority that signed the brokers' certificates"
    return ServerUnavailable(
        f"Kafka at {','.join(settings.kafka_bootstrap)} (KAFKA_SERVICE_URI) does not answer: {type(error).__name__}.",
        hint="Check that it runs (`docker compose up -d kafka` or `docstore up`), that the addresses it "
        "advertises can be reached from here"
        + (login if settings.kafka_username else "")
        + (trust if settings.kafka_ca_cert else "")
        + ", and that no firewall stands between.",
        field="KAFKA_SERVICE_URI",
    )
