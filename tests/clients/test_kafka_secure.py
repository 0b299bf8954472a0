"""A real Kafka behind a login, in the clear and over TLS, or behind certificates: who is let in, what others hear."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaConnectionError
from tests.kafkas import running_or_skipped

from docstore.clients import (
    KafkaPublisher,
    close_kafka_producer,
    ensure_topic,
    get_kafka_producer,
    make_kafka_consumer,
    ping_kafka,
)
from docstore.clients._kafka_refusals import why_unreachable
from docstore.clients.kafka_backlog import messages_behind
from docstore.errors import AccessDenied, DocstoreError, ServerUnavailable
from docstore.settings import Settings
from scripts.kafka_local import LocalKafka
from scripts.kafka_security import MECHANISMS, Authority, KafkaSecurity

pytestmark = pytest.mark.kafka

USER = "docstore"
PASSWORD = "s3cret/with:odd@characters"
WRONG = "n0t-the-one"
LISTENERS = {"SASL_SSL": MECHANISMS, "SASL_PLAINTEXT": ("PLAIN", "SCRAM-SHA-512"), "SSL": ()}
OFFERED = [(listener, mechanism) for listener, offered in LISTENERS.items() for mechanism in offered]
CONNECT_TIMEOUT_S = 5


@pytest.fixture(scope="module")
def security(tmp_path_factory: pytest.TempPathFactory) -> KafkaSecurity:
    return KafkaSecurity(tmp_path_factory.mktemp("security"), USER, PASSWORD, LISTENERS)


@pytest.fixture(scope="module")
def secured(security: KafkaSecurity) -> Iterator[LocalKafka]:
    """One broker with four ports: plain, SASL_SSL, SASL_PLAINTEXT, and SSL, which wants a certificate."""
    with running_or_skipped(LocalKafka(security=security)) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory, secured: LocalKafka) -> str:
    """The certificate of an authority that signed nothing."""
    return Authority.make(tmp_path_factory.mktemp("other") / "authority").certificate


@pytest.fixture(scope="module")
def client(security: KafkaSecurity, secured: LocalKafka) -> dict[str, str]:
    """The files of a client's certificate and key, as settings name them."""
    return shown_by(security.authority)


def shown_by(authority: Authority, name: str = "client", *, host: str | None = None) -> dict[str, str]:
    authority.sign(name, host=host)
    return {
        "kafka_client_cert": str(authority.folder / f"{name}.crt"),
        "kafka_client_key": str(authority.folder / f"{name}-key.pem"),
    }


Reach = Callable[..., Settings]


@pytest.fixture
async def reach(secured: LocalKafka, security: KafkaSecurity) -> AsyncIterator[Reach]:
    """Settings of one of the broker's listeners; right ones, unless said otherwise."""
    made: list[Settings] = []

    def settings(listener: str, **fields: Any) -> Settings:
        address = secured.bootstrap if listener == "PLAINTEXT" else secured.address_of(listener)
        right: dict[str, Any] = {"kafka_security_protocol": listener}
        if listener.endswith("SSL"):
            right["kafka_ca_cert"] = security.authority.certificate
        if listener.startswith("SASL"):
            right |= login(PASSWORD)
        made.append(
            Settings(
                db_method="LOCAL",
                database_url_local="mongodb://127.0.0.1:1",
                kafka_request_timeout_s=10,
                connect_attempts=2,
                connect_timeout_s=CONNECT_TIMEOUT_S,
                **{"kafka_service_uri": address} | right | fields,
            )
        )
        return made[-1]

    yield settings
    for each in made:
        await close_kafka_producer(each)


def login(password: str) -> dict[str, str]:
    return {"kafka_username": USER, "kafka_password": password, "kafka_sasl_mechanism": "SCRAM-SHA-512"}


NO_LOGIN = {"kafka_username": None, "kafka_password": None}
NO_TRUST = {"kafka_ca_cert": None}

ASKING: list[Callable[[Settings], Awaitable[object]]] = [
    ping_kafka,
    get_kafka_producer,
    lambda settings: ensure_topic("never-made", settings=settings),
    lambda settings: KafkaPublisher(settings).publish("never-made", key=None, value=b""),
    lambda settings: make_kafka_consumer("nobody", ["never-made"], settings).start(),
    lambda settings: messages_behind("nobody", ["never-made"], settings),
]


async def told(settings: Settings, ask: Callable[[Settings], Awaitable[object]] = ping_kafka) -> DocstoreError:
    """The error, which comes in time and shows nothing secret."""
    start = time.monotonic()
    with pytest.raises(DocstoreError) as caught:
        await ask(settings)
    assert time.monotonic() - start < CONNECT_TIMEOUT_S
    shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {settings!r}"
    assert PASSWORD not in shown
    assert WRONG not in shown
    return caught.value


@pytest.mark.parametrize(("listener", "mechanism"), OFFERED)
async def test_a_message_goes_there_and_back(reach: Reach, listener: str, mechanism: str) -> None:
    settings = reach(listener, kafka_sasl_mechanism=mechanism)
    topic = f"secured-{uuid4().hex}"
    await ensure_topic(topic, partitions=2, settings=settings)
    await KafkaPublisher(settings).publish(topic, key=b"k", value=b"v", headers=[("ce_id", b"1")])
    assert await messages_behind(f"g-{topic}", [topic], settings) == 1
    async with make_kafka_consumer(f"g-{topic}", [topic], settings) as consumer:
        message = await asyncio.wait_for(consumer.getone(), 10)
        await consumer.commit()
        assert len(consumer.partitions_for_topic(topic)) == 2
    assert (message.key, message.value, message.headers) == (b"k", b"v", (("ce_id", b"1"),))
    assert await messages_behind(f"g-{topic}", [topic], settings) == 0
    ping = await ping_kafka(settings)
    assert (ping.address, ping.detail) == (settings.kafka_service_uri, "1 broker(s)")


async def test_a_client_with_a_certificate_sends_and_reads(reach: Reach, client: dict[str, str]) -> None:
    settings = reach("SSL", kafka_security_protocol=None, **client)
    assert settings.kafka_protocol == "SSL"
    topic = f"certified-{uuid4().hex}"
    await ensure_topic(topic, partitions=2, settings=settings)
    await KafkaPublisher(settings).publish(topic, key=b"k", value=b"v")
    assert await messages_behind(f"g-{topic}", [topic], settings) == 1
    async with make_kafka_consumer(f"g-{topic}", [topic], settings) as consumer:
        message = await asyncio.wait_for(consumer.getone(), 60)
    assert (message.key, message.value) == (b"k", b"v")
    as_text = {name: Path(path).read_text() for name, path in client.items()}
    assert (await ping_kafka(reach("SSL", **as_text))).detail == "1 broker(s)"


@pytest.mark.parametrize("ask", ASKING)
async def test_a_certificate_that_is_not_shown_is_told_by_everyone(
    reach: Reach, ask: Callable[[Settings], Awaitable[object]]
) -> None:
    error = await told(reach("SSL"), ask)
    assert isinstance(error, AccessDenied)
    assert error.field == "KAFKA_CLIENT_CERT"
    assert "wants a certificate of its clients, and KAFKA_CLIENT_CERT is not set" in str(error)


async def test_a_refused_certificate_is_told(reach: Reach, security: KafkaSecurity, tmp_path: Path) -> None:
    elses = shown_by(Authority.make(tmp_path / "authority"))
    servers = shown_by(security.authority, "another-server", host="IP:127.0.0.1")
    for files in (elses, servers):
        error = await told(reach("SSL", **files))
        assert isinstance(error, AccessDenied)
        assert error.field == "KAFKA_CLIENT_CERT"
        assert "refused the certificate of KAFKA_CLIENT_CERT: certificate unknown" in str(error)


async def test_a_refused_certificate_is_not_tried_again(reach: Reach, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AccessDenied):
        await get_kafka_producer(reach("SSL"))
    assert len([each for each in caplog.records if "Unable connect to" in each.getMessage()]) == 1


async def test_a_broker_that_hangs_up_on_what_was_said_is_listened_to(
    reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where it closes with a request unread, its reset overtakes the alert.
    async def overtaken(*_: object, **__: object) -> None:
        raise KafkaConnectionError("closed") from ConnectionResetError()

    monkeypatch.setattr("aiokafka.conn.create_conn", overtaken)
    error = await why_unreachable(reach("SSL"), KafkaConnectionError("Unable to bootstrap"))
    assert isinstance(error, AccessDenied)
    assert error.field == "KAFKA_CLIENT_CERT"


async def test_a_user_name_and_an_authority_are_enough_to_speak_tls(reach: Reach) -> None:
    settings = reach("SASL_SSL", kafka_security_protocol=None)
    assert settings.kafka_protocol == "SASL_SSL"
    assert (await ping_kafka(settings)).server == "kafka"


@pytest.mark.parametrize("ask", ASKING)
async def test_a_refused_login_is_told_by_everyone(reach: Reach, ask: Callable[[Settings], Awaitable[object]]) -> None:
    settings = reach("SASL_SSL", **login(WRONG))
    error = await told(settings, ask)
    assert isinstance(error, AccessDenied)
    assert error.field == "KAFKA_PASSWORD"
    assert f"Kafka at {settings.kafka_service_uri} (KAFKA_SERVICE_URI) refused the login" in str(error)
    assert "Check KAFKA_USERNAME and KAFKA_PASSWORD" in str(error)


async def test_a_refused_login_is_not_tried_again(reach: Reach, caplog: pytest.LogCaptureFixture) -> None:
    # Brokers may lock out who knocks too often; a server that is away would be asked `connect_attempts` times.
    with pytest.raises(AccessDenied):
        await get_kafka_producer(reach("SASL_SSL", **login(WRONG)))
    assert len([each for each in caplog.records if "Unable connect to" in each.getMessage()]) == 1


@pytest.mark.parametrize(("listener", "mechanism"), OFFERED)
async def test_no_log_shows_a_password_or_what_it_was_turned_into(
    reach: Reach, listener: str, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await ping_kafka(reach(listener, kafka_sasl_mechanism=mechanism))
    await told(reach(listener, **login(WRONG) | {"kafka_sasl_mechanism": mechanism}))
    lines = [record.getMessage() for record in caplog.records]
    assert any("MetadataRequest" in line for line in lines)  # the driver does log what it sends
    assert not [line for line in lines if PASSWORD in line or WRONG in line or "SaslAuthenticateRe" in line]


async def test_a_mechanism_that_is_not_offered_is_told(reach: Reach) -> None:
    error = await told(reach("SASL_PLAINTEXT", kafka_sasl_mechanism="SCRAM-SHA-256"))
    assert isinstance(error, AccessDenied)
    assert error.field == "KAFKA_SASL_MECHANISM"
    assert "SCRAM-SHA-256" in str(error)


@pytest.mark.parametrize("ask", ASKING[:1] + ASKING[4:5])
async def test_another_authority_is_told(
    reach: Reach, other_authority: str, ask: Callable[[Settings], Awaitable[object]]
) -> None:
    error = await told(reach("SASL_SSL", kafka_ca_cert=other_authority), ask)
    assert isinstance(error, ServerUnavailable)
    assert error.field == "KAFKA_CA_CERT"
    assert "shows a certificate that KAFKA_CA_CERT did not sign" in str(error)


async def test_no_authority_is_told_with_whom_was_trusted_instead(reach: Reach) -> None:
    error = await told(reach("SASL_SSL", **NO_TRUST))
    assert isinstance(error, ServerUnavailable)
    assert error.field == "KAFKA_CA_CERT"
    assert "the system's trusted authorities" in str(error)
    assert "KAFKA_CA_CERT is not set" in str(error)


async def test_a_certificate_for_another_host_is_told(reach: Reach, secured: LocalKafka) -> None:
    elsewhere = secured.address_of("SASL_SSL").replace("127.0.0.1", "localhost")
    error = await told(reach("SASL_SSL", kafka_service_uri=elsewhere))
    assert isinstance(error, ServerUnavailable)
    assert error.field == "KAFKA_SERVICE_URI"
    assert "not valid for 'localhost'" in str(error)


@pytest.mark.parametrize(
    ("listener", "spoken", "fields", "field", "words"),
    [
        ("SASL_SSL", "PLAINTEXT", NO_LOGIN | NO_TRUST, "KAFKA_SECURITY_PROTOCOL", "answers in TLS"),
        ("SASL_SSL", "SASL_PLAINTEXT", NO_TRUST, "KAFKA_SECURITY_PROTOCOL", "answers in TLS"),
        ("SASL_SSL", "SSL", NO_LOGIN, "KAFKA_USERNAME", "it wants a login"),
        ("SASL_PLAINTEXT", "PLAINTEXT", NO_LOGIN, "KAFKA_USERNAME", "it wants a login"),
        ("SASL_PLAINTEXT", "SASL_SSL", {}, "KAFKA_SECURITY_PROTOCOL", "broke off the TLS handshake"),
        ("PLAINTEXT", "SSL", {}, "KAFKA_SECURITY_PROTOCOL", "broke off the TLS handshake"),
        ("PLAINTEXT", "SASL_PLAINTEXT", login(PASSWORD), "KAFKA_SECURITY_PROTOCOL", "takes no login"),
    ],
)
async def test_the_wrong_protocol_is_told(
    reach: Reach, listener: str, spoken: str, fields: dict[str, Any], field: str, words: str
) -> None:
    error = await told(reach(listener, kafka_security_protocol=spoken, **fields))
    assert isinstance(error, ServerUnavailable)
    assert error.field == field
    assert words in str(error)
    assert field in str(error)


async def test_of_several_brokers_the_one_that_says_why_is_quoted(reach: Reach, secured: LocalKafka) -> None:
    both = f"127.0.0.1:1,{secured.address_of('SASL_SSL')}"
    error = await told(reach("SASL_SSL", kafka_service_uri=both, **login(WRONG)))
    assert isinstance(error, AccessDenied)


def test_the_security_of_a_local_kafka_does_not_show_its_password(tmp_path: Path) -> None:
    assert PASSWORD not in repr(KafkaSecurity(tmp_path, USER, PASSWORD))
