"""What visitors leave: messages and places on the waiting list."""

from collections.abc import Sequence
from typing import ClassVar

from docstore.documents import Document, Email, Index, NonEmpty, index, unique


class ContactForm(Document):
    """A message sent through the contact form."""

    name: NonEmpty
    email: Email
    message: NonEmpty

    indexes: ClassVar[Sequence[Index]] = (
        index("email", serves="messages from one address"),
        index("name", serves="messages from one name"),
        index("-created_at", serves="messages, newest first"),
    )


class WaitlistEntry(Document):
    """A place on the waiting list; one an address."""

    email: Email

    indexes: ClassVar[Sequence[Index]] = (
        unique("email"),
        index("created_at", serves="the waiting list in order of arrival"),
    )
