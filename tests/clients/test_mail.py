"""E-mails are handed to a real mail server, which says what it makes of them."""

from __future__ import annotations

import io
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller

from docstore.clients.mail import ConsoleMail, Mail, SmtpMail, make_mail_provider
from docstore.errors import AccessDenied, ServerUnavailable, ServiceError, SettingsError, ValidationFailed
from docstore.settings import Settings

MAIL = Mail(
    to="ada@example.com",
    sender="News <news@example.com>",
    subject="Größe",
    html="<p>Hello</p>",
    text="Hello",
    key="r1",
    headers={"List-Unsubscribe": "<https://example.com/u>"},
)


class Mailbox:
    """What aiosmtpd hands messages to; it refuses some addresses, and whatever `answers` say of a command."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.answers: dict[str, str] = {}

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address.startswith("nobody@"):
            return "550 No such user"
        if address.startswith("busy@"):
            return "451 Try again later"
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append(envelope)
        return self.answers.get("DATA", "250 OK")


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=10, enable_SMTPUTF8=False)
    controller.start()
    yield box, port
    controller.stop()


def settings(url: str | None) -> Settings:
    return Settings(db_method="LOCAL", database_url_local="mongodb://127.0.0.1:1", smtp_url=url)


@pytest_asyncio.fixture
async def smtp(mailbox: tuple[Mailbox, int]) -> AsyncIterator[SmtpMail]:
    async with SmtpMail(settings(f"smtp://127.0.0.1:{mailbox[1]}")) as provider:
        yield provider


async def test_an_email_arrives_whole(smtp: SmtpMail, mailbox: tuple[Mailbox, int]) -> None:
    assert await smtp.send(MAIL) == await smtp.send(MAIL) == "<r1@example.com>"
    first, second = mailbox[0].received
    assert first.rcpt_tos == second.rcpt_tos == ["ada@example.com"]
    text = first.content.decode()
    for expected in ("Subject: =?utf-8?", "List-Unsubscribe: <https://example.com/u>", "text/html", "text/plain"):
        assert expected in text


async def test_refusals_are_told_apart_and_the_connection_survives_them(
    smtp: SmtpMail, mailbox: tuple[Mailbox, int]
) -> None:
    with pytest.raises(ValidationFailed, match="code 550"):
        await smtp.send(Mail("nobody@example.com", "n@example.com", "s", "h", "t", "r2"))
    with pytest.raises(ServiceError, match="code 451"):
        await smtp.send(Mail("busy@example.com", "n@example.com", "s", "h", "t", "r3"))
    await smtp.send(MAIL)
    assert len(mailbox[0].received) == 1


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        ("MAIL 550 unknown sender", AccessDenied),
        ("MAIL 530 log in first", AccessDenied),
        ("MAIL 451 later", ServerUnavailable),
        ("RCPT 421 too many connections", ServerUnavailable),
        ("RCPT 554 5.7.1 relay access denied", ServiceError),
        ("RCPT 550 5.7.1 listed", ServiceError),
        ("RCPT 550 5.1.1 no such user", ValidationFailed),
        ("RCPT 552 5.2.2 mailbox full", ValidationFailed),
        ("DATA 554 5.7.1 spam", ServiceError),
        ("DATA 552 too large", ServiceError),
        ("DATA 550 5.1.1 no such user", ValidationFailed),
        ("DATA 451 later", ServiceError),
    ],
)
async def test_only_what_is_said_of_the_address_is_held_against_it(
    smtp: SmtpMail, mailbox: tuple[Mailbox, int], answer: str, means: type[Exception]
) -> None:
    command, _, said = answer.partition(" ")
    mailbox[0].answers[command] = said
    with pytest.raises(means) as caught:
        await smtp.send(MAIL)
    assert type(caught.value) is means
    mailbox[0].answers.clear()
    await smtp.send(MAIL)


async def test_odd_letters_in_addresses_and_titles(smtp: SmtpMail, mailbox: tuple[Mailbox, int]) -> None:
    await smtp.send(Mail("ada@exämple.com", "n@straße.de", "two\r\nBcc: eve@example.com", "h", "t", "r1"))
    (envelope,) = mailbox[0].received
    assert (envelope.mail_from, envelope.rcpt_tos) == ("n@xn--strae-oqa.de", ["ada@xn--exmple-cua.com"])
    assert "Subject: two Bcc: eve@example.com" in envelope.content.decode()
    with pytest.raises(ValidationFailed, match="beyond ASCII"):
        await smtp.send(Mail("größe@example.com", "n@example.com", "s", "h", "t", "r2"))
    with pytest.raises(AccessDenied, match="sender"):
        await smtp.send(Mail("ada@example.com", "größe@example.com", "s", "h", "t", "r3"))


async def test_a_server_that_is_away_is_named_without_its_password() -> None:
    async with SmtpMail(settings("smtp://user:secret@127.0.0.1:1")) as provider:
        with pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:1 \(SMTP_URL\)") as caught:
            await provider.send(MAIL)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", [None, "http://mail", "smtp://", "mail.example.com"])
def test_an_address_that_is_none_is_refused(url: str | None) -> None:
    with pytest.raises(SettingsError, match="SMTP_URL"):
        SmtpMail(settings(url))


async def test_without_a_server_who_would_get_what_is_printed() -> None:
    out = io.StringIO()
    assert await ConsoleMail(out).send(MAIL) == "console:r1"
    assert "To: ada@example.com" in out.getvalue()
    assert isinstance(make_mail_provider(settings(None)), ConsoleMail)
    production = Settings(db_method="PRODUCTION", database_url="mongodb://u:p@db.example.com/?tls=true")
    with pytest.raises(SettingsError, match="SMTP_URL"):
        make_mail_provider(production)
