"""A report of a mail provider, and how it is read from a message."""

from collections.abc import Mapping
from email.utils import parseaddr
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from docstore.documents import DocumentId, UtcDateTime
from docstore.errors import ValidationFailed
from docstore.workers.messages import Message

TOPIC: Final = "email.events"


class DeliveryKind(StrEnum):
    """What a provider reports of an e-mail. The last three are kept as events, and change nothing else."""

    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    UNSUBSCRIBED = "unsubscribed"
    DELAYED = "delivery_delayed"
    SCHEDULED = "scheduled"
    SUPPRESSED = "suppressed"


class Delivery(BaseModel):
    """One report: which e-mail, whose, what, when.

    The e-mail is named by `email_send_id`, or by the provider's own id (`resend_email_id`) or broadcast
    (`broadcast_id`).
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    event_id: str = Field(min_length=1, validation_alias=AliasChoices("eventId", "event_id"))
    kind: DeliveryKind = Field(validation_alias=AliasChoices("type", "kind"))
    email_send_id: DocumentId | None = Field(None, validation_alias=AliasChoices("emailSendId", "email_send_id"))
    resend_email_id: str | None = Field(None, validation_alias=AliasChoices("emailId", "resend_email_id"))
    broadcast_id: str | None = Field(None, validation_alias=AliasChoices("broadcastId", "broadcast_id"))
    email: str | None = None
    at: UtcDateTime
    link_url: str | None = Field(None, validation_alias=AliasChoices("linkUrl", "link_url"))
    raw: str = ""

    @field_validator("email")
    @classmethod
    def _alone(cls, email: str | None) -> str | None:
        """The address without a name, in the letters in which addresses are stored."""
        return (parseaddr(email)[1] or email).lower() if email else email

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """The report in a message of ``email.events``: these fields, or a webhook of Resend as it came.

        Raises:
            ValidationFailed: it is none; names the fields.
        """
        body = message.json()
        if isinstance(body.get("data"), Mapping):
            body = _from_webhook(body, message)
        try:
            return cls.model_validate({"raw": message.value.decode("utf-8", "replace"), **body})
        except ValidationError as error:
            fields = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)}))
        raise ValidationFailed(
            f"a message of topic {message.topic} is no report of a delivery: {fields}.", field=fields
        )


def _from_webhook(body: Mapping[str, Any], message: Message) -> dict[str, Any]:
    data = body["data"]
    to, tags, click = data.get("to"), data.get("tags"), data.get("click")
    return {
        "eventId": message.headers.get("svix-id") or body.get("id") or message.event_id or "",
        "type": str(body.get("type", "")).removeprefix("email."),
        "emailSendId": tags.get("emailSendId") if isinstance(tags, Mapping) else None,
        "emailId": data.get("email_id"),
        "broadcastId": data.get("broadcast_id"),
        "email": to[0] if isinstance(to, list) and to else to,
        "at": body.get("created_at"),
        "linkUrl": click.get("link") if isinstance(click, Mapping) else None,
    }
