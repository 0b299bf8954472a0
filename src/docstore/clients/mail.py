"""Mail: what a newsletter is sent through. `ConsoleMail` prints, `SmtpMail` hands over to a mail server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TextIO
from urllib.parse import unquote, urlsplit

from docstore.clients._shared import resolve
from docstore.clients._smtp_refusals import beyond_ascii, login_refused, refusal_of
from docstore.errors import (
    MissingExtra,
    OperationTimeout,
    ServerUnavailable,
    SettingsError,
)
from docstore.settings import Settings

if TYPE_CHECKING:
    from aiosmtplib import SMTP

SMTP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail to one person.

    Attributes:
        key: the same whenever this e-mail is sent again; providers that know it send it once.
        headers: more headers, such as ``List-Unsubscribe``.
    """

    to: str
    sender: str
    subject: str
    html: str
    text: str
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)


class MailProvider(Protocol):
    """Sends e-mails."""

    async def send(self, mail: Mail) -> str:
        """Hand an e-mail over; the provider's id of it.

        Raises:
            ValidationFailed: the provider will never take it because of the address, such as one that does not exist.
            ServerUnavailable, OperationTimeout, AccessDenied: it takes nothing now, whoever it is to; after a timeout
                the e-mail may be on its way.
            ServiceError: it does not take this e-mail now; another may pass.
        """
        ...


class ConsoleMail:
    """Prints who would get what: for development. Nothing is sent.

    Args:
        out: where to; standard output when None.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    async def send(self, mail: Mail) -> str:
        """See `MailProvider`."""
        print(f"To: {mail.to} | From: {mail.sender} | {mail.subject}", file=self._out or sys.stdout, flush=True)
        return f"console:{mail.key}"


class SmtpMail:
    """Hands e-mails to a mail server over one connection, opened when first needed and again when it is lost.

    The Message-ID follows from the e-mail's key, so that a repeat can be told. Needs the extra ``mail``.

    Args:
        settings: SMTP_URL, such as ``smtps://user:password@mail.example.com:465`` (TLS from the start) or
            ``smtp://…:587`` (STARTTLS where the server has it); those of the environment when None.

    Raises:
        SettingsError: SMTP_URL is not set, or is none.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        settings = resolve(settings)
        if settings.smtp_url is None:
            raise SettingsError(
                "no mail server is configured: SMTP_URL is not set.",
                hint="Example: SMTP_URL=smtps://user:password@mail.example.com:465",
                field="SMTP_URL",
            )
        parts = urlsplit(settings.smtp_url.get_secret_value())
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise SettingsError("SMTP_URL needs the form smtp[s]://[user:password@]host[:port].", field="SMTP_URL")
        tls = parts.scheme == "smtps"
        self._options: dict[str, Any] = {
            "hostname": parts.hostname,
            "port": parts.port or (465 if tls else 587),
            "use_tls": tls,
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "timeout": SMTP_SECONDS,
        }
        self._where = f"the mail server {parts.hostname}:{self._options['port']} (SMTP_URL)"
        self._client: SMTP | None = None
        self._gate = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def send(self, mail: Mail) -> str:
        """See `MailProvider`. One at a time: a connection takes no two."""
        smtp = _library()
        message = _message(mail)
        async with self._gate, AsyncExitStack() as forgetting:
            # Whatever goes wrong but a refusal, the state of the connection is unknown.
            forgetting.push_async_callback(self.close)
            try:
                client = await self._connected()
                await client.send_message(
                    message, sender=_ascii_domain(mail.sender), recipients=[_ascii_domain(mail.to)]
                )
            except (smtp.SMTPRecipientsRefused, smtp.SMTPSenderRefused, smtp.SMTPDataError) as error:
                refusal = refusal_of(self._where, error)
                if not isinstance(refusal, ServerUnavailable):
                    forgetting.pop_all()
                raise refusal from error
            except smtp.SMTPNotSupported as error:
                forgetting.pop_all()
                raise beyond_ascii(self._where, mail.to) from error
            except smtp.SMTPAuthenticationError as error:
                raise login_refused(self._where, error.code) from error
            except (smtp.SMTPTimeoutError, TimeoutError) as error:
                raise OperationTimeout(
                    f"{self._where} did not answer within {SMTP_SECONDS:g} s; the e-mail may be on its way."
                ) from error
            except (smtp.SMTPException, OSError) as error:
                raise ServerUnavailable(f"{self._where} does not answer: {type(error).__name__}.") from error
            forgetting.pop_all()
        return str(message["Message-ID"])

    async def _connected(self) -> SMTP:
        if self._client is None or not self._client.is_connected:
            client = _library().SMTP(**self._options)
            await client.connect()
            self._client = client
        return self._client


def make_mail_provider(settings: Settings | None = None) -> MailProvider:
    """The provider that the settings ask for: a mail server where SMTP_URL is set, the console elsewhere.

    Raises:
        SettingsError: DB_METHOD=PRODUCTION without SMTP_URL: nobody would get anything.
    """
    settings = resolve(settings)
    return SmtpMail(settings) if settings.smtp_url is not None or settings.is_production else ConsoleMail()


def _library() -> Any:
    try:
        import aiosmtplib
    except ImportError as error:
        raise MissingExtra("mail", "sending e-mails over SMTP") from error
    return aiosmtplib


def _message(mail: Mail) -> EmailMessage:
    message = EmailMessage()
    # A line break in a title would be refused, as one that ends a header.
    message["To"], message["From"] = _ascii_domain(mail.to), mail.sender
    message["Subject"] = " ".join(mail.subject.split())
    message["Date"] = format_datetime(datetime.now(UTC))
    domain = _ascii_domain(mail.sender).rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{mail.key}@{domain}>" if mail.key.isascii() else make_msgid(domain=domain)
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _ascii_domain(address: str) -> str:
    """The address alone, its domain as every mail server knows it."""
    from email_validator import EmailNotValidError, validate_email

    alone = parseaddr(address)[1] or address
    if alone.rpartition("@")[2].isascii():
        return alone
    try:
        parts = validate_email(alone, check_deliverability=False)
    except EmailNotValidError:  # the server will say so
        return alone
    return f"{parts.local_part}@{parts.ascii_domain}"
