"""What a mail server's refusal means: for the address, for one e-mail, or for all of them.

An address counts as bounced for good, so only what is certainly said of an address may be taken for it: a newsletter
whose sender the server does not know would else bounce from everybody.
"""

from __future__ import annotations

import re
from typing import Any, Final

from docstore.errors import AccessDenied, DocstoreError, ServerUnavailable, ServiceError, ValidationFailed

_CLOSING: Final = 421
_ENHANCED: Final = re.compile(r"5\.(\d{1,3})\.\d{1,3}\b")
# "Bad sequence", "takes no mail", "log in first", and "failed", which is what relays and block lists say.
_NOT_OF_THE_ADDRESS: Final = frozenset({503, 521, 530, 535, 538, 554})


def refusal_of(where: str, error: Any) -> DocstoreError:
    """What to raise for a refused sender, recipient or content.

    Args:
        where: which mail server, in words.
        error: aiosmtplib's.
    """
    from aiosmtplib import SMTPSenderRefused

    refused = getattr(error, "recipients", None)
    answer = refused[0] if refused else error
    code, told = int(answer.code), f"code {answer.code}"
    of_sender = isinstance(error, SMTPSenderRefused)
    if code == _CLOSING or (of_sender and code < 500):
        return ServerUnavailable(f"{where} takes no e-mails now ({told}).")
    if code < 500:
        return ServiceError(f"{where} does not take the e-mail now ({told}).")
    if of_sender:
        return AccessDenied(
            f"{where} does not let this sender send ({told}).",
            hint="Check NEWSLETTER_FROM, and that the mail server knows the sender and this user.",
        )
    if _is_of_address(code, str(answer.message), at_rcpt=bool(refused)):
        return ValidationFailed(f"{where} refused an e-mail's address for good ({told}).", field="to")
    return ServiceError(
        f"{where} refused an e-mail, and not for its address ({told}).",
        hint="Its log says why: the content, the size, or that it relays nothing for this user.",
    )


def login_refused(where: str, code: int) -> DocstoreError:
    """What to raise when the login is refused, for now or as it is."""
    if code < 500:
        return ServerUnavailable(f"{where} takes no login now (code {code}).")
    return AccessDenied(f"{where} refused the login.", hint="Check user and password in SMTP_URL.", field="SMTP_URL")


def beyond_ascii(where: str, to: str) -> DocstoreError:
    """What to raise when a server without SMTPUTF8 is given an address, the sender's or this one, beyond ASCII."""
    if to.partition("@")[0].isascii():
        return AccessDenied(f"{where} takes no sender's address beyond ASCII.", hint="Check NEWSLETTER_FROM.")
    return ValidationFailed(f"{where} takes no address beyond ASCII.", field="to")


def _is_of_address(code: int, said: str, *, at_rcpt: bool) -> bool:
    enhanced = _ENHANCED.search(said)
    if enhanced is not None:  # RFC 3463: 1 is the address, 2 the mailbox, 4 the way there
        return enhanced[1] in ("1", "2") or (at_rcpt and enhanced[1] in ("0", "4"))
    return at_rcpt and code not in _NOT_OF_THE_ADDRESS
