"""The e-mail of a newsletter to one recipient."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from docstore.clients.mail import Mail
from docstore.errors import SettingsError
from docstore.models import EmailSend, Post

_TAG: Final = re.compile(r"<[^>]+>")


def newsletter_mail(post: Post, send: EmailSend, recipient: Mapping[str, Any], unsubscribe_url: str | None) -> Mail:
    """The e-mail of a post to a recipient of a ``newsletter.send`` message.

    Args:
        unsubscribe_url: where a reader can unsubscribe, ``{email}`` and ``{member}`` filled in; None leaves the link
            and the ``List-Unsubscribe`` header out.
    """
    address, headers, footer = str(recipient["email"]), dict[str, str](), ""
    if unsubscribe_url is not None:
        footer = unsubscribe_url.format(email=quote(address), member=quote(str(recipient["memberId"])))
        headers = {"List-Unsubscribe": f"<{footer}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    body = post.content or ""
    link = f'<p><a href="{html.escape(footer)}">Unsubscribe</a></p>' if footer else ""
    return Mail(
        to=address,
        sender=send.from_email,
        subject=send.subject,
        html=f"<h1>{html.escape(post.title)}</h1>\n{body}\n{link}",
        text="\n\n".join(part for part in (post.title, html.unescape(_TAG.sub("", body)), footer) if part),
        key=str(recipient["recipientId"]),
        headers={"X-Entity-Ref-ID": str(send.id), **headers},
    )


def check_unsubscribe_url(url: str | None) -> None:
    """Refuse an address that cannot be filled in, before anybody is sent anything.

    Raises:
        SettingsError: it has other places to fill in than ``{email}`` and ``{member}``.
    """
    try:
        (url or "").format(email="", member="")
    except (LookupError, ValueError, AttributeError) as error:
        raise SettingsError(
            "the address for unsubscribing cannot be filled in.",
            hint="{email} and {member} are what can be; write other braces as {{ and }}.",
            field="NEWSLETTER_UNSUBSCRIBE_URL",
        ) from error
