"""What is made of a broker's refusal, against servers that are no Kafka; a real one is in `test_kafka_secure.py`."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.admin import SaslAuthenticateRequest_v1

from docstore.clients import _kafka_refusals
from docstore.clients._kafka_options import connection_options
from docstore.clients._kafka_refusals import _of_login, _of_tls, _of_trust, why_unreachable
from docstore.errors import AccessDenied, ServerUnavailable
from docstore.settings import Settings

TLS_ALERT = bytes.fromhex("15030300020250")
NOT_BOOTSTRAPPED = KafkaConnectionError("Unable to bootstrap")


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[str]:
    """Answers the first bytes with `answer` and hangs up; with None it says nothing and stays."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield f"{host}:{port}"


def settings(address: str = "127.0.0.1:1", **fields: object) -> Settings:
    return Settings(kafka_service_uri=address, **fields)


async def test_an_alert_of_tls_is_recognised() -> None:
    async with server(TLS_ALERT) as address:
        error = await why_unreachable(settings(address), NOT_BOOTSTRAPPED)
    assert isinstance(error, ServerUnavailable)
    assert error.field == "KAFKA_SECURITY_PROTOCOL"
    assert "Set KAFKA_SECURITY_PROTOCOL=SSL instead of PLAINTEXT" in str(error)


async def test_a_hang_up_in_plain_text_is_no_sign_of_tls() -> None:
    async with server(b"") as address:
        error = await why_unreachable(settings(address), NOT_BOOTSTRAPPED)
    assert error.field == "KAFKA_SERVICE_URI"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_what_does_not_speak_tls_is_told(answer: bytes) -> None:
    async with server(answer) as address:
        error = await why_unreachable(settings(address, kafka_security_protocol="SSL"), NOT_BOOTSTRAPPED)
    assert error.field == "KAFKA_SECURITY_PROTOCOL"
    assert "broke off the TLS handshake" in str(error)


async def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kafka_refusals, "_LIMIT_S", 1.0)
    async with server(None) as silent, server(TLS_ALERT) as telling:
        assert (await why_unreachable(settings(silent), NOT_BOOTSTRAPPED)).field == "KAFKA_SERVICE_URI"
        error = await why_unreachable(settings(f"{silent},{telling}"), NOT_BOOTSTRAPPED)
    assert f"Kafka at {telling}" in str(error)


async def test_a_limit_that_passed_is_not_stretched() -> None:
    async with server(TLS_ALERT) as address:
        error = await why_unreachable(settings(address), TimeoutError())
    assert error.field == "KAFKA_SERVICE_URI"


@pytest.mark.parametrize(
    ("refusal", "kind", "field"),
    [
        (SaslAuthenticationFailed("no"), AccessDenied, "KAFKA_PASSWORD"),
        (UnsupportedSaslMechanismError("no"), AccessDenied, "KAFKA_SASL_MECHANISM"),
        (IllegalSaslStateError("no"), ServerUnavailable, "KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_a_refused_login_names_its_setting(refusal: Exception, kind: type[Exception], field: str) -> None:
    told = _of_login("Kafka", settings(kafka_username="u", kafka_password="hidden"), refusal)
    assert isinstance(told, kind)
    assert told.field == field
    assert field in str(told)
    assert "hidden" not in f"{told}{told!r}"


@pytest.mark.parametrize(("code", "field"), [(10, "KAFKA_CA_CERT"), (19, "KAFKA_CA_CERT"), (64, "KAFKA_SERVICE_URI")])
def test_a_certificate_is_told_by_what_is_wrong_with_it(code: int, field: str) -> None:
    refusal = ssl.SSLCertVerificationError()
    refusal.verify_code, refusal.verify_message = code, "the reason."
    told = _of_trust("Kafka", settings(kafka_security_protocol="SSL"), refusal)
    assert told is not None
    assert told.field == field
    assert ": the reason. Set" in str(told)


def test_a_refused_connection_says_nothing_about_protocols() -> None:
    for protocol in ("PLAINTEXT", "SSL"):
        assert _of_tls("Kafka", settings(kafka_security_protocol=protocol), ConnectionRefusedError()) is None


def test_the_drivers_log_is_kept_free_of_logins_alone(caplog: pytest.LogCaptureFixture) -> None:
    connection_options(settings(kafka_username="u", kafka_password="hidden"))
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("aiokafka.conn")
    log.debug("Request to %s:%d %d: %s", "host", 9092, 1, SaslAuthenticateRequest_v1(b"\0u\0hidden"))
    log.debug("Request to %s:%d %d: %s", "host", 9092, 2, "MetadataRequest")
    log.warning("no arguments")
    assert [record.getMessage() for record in caplog.records] == [
        "Request to host:9092 2: MetadataRequest",
        "no arguments",
    ]
