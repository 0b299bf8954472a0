"""A message back into the event it was made of."""

from typing import TypeVar

from pydantic import ValidationError

from docstore.documents import Event
from docstore.errors import ValidationFailed
from docstore.workers.messages import Message

E = TypeVar("E", bound=Event)


def event_in(message: Message, kind: type[E]) -> E:
    """The event of a message; fields it does not know are passed over.

    Raises:
        ValidationFailed: the message does not hold such an event, or one of a version that is not known yet; names
            the fields.
    """
    if message.version > kind.version:
        raise ValidationFailed(
            f"a message of topic {message.topic} holds version {message.version} of {kind.name}; "
            f"{kind.version} is the newest that is known here.",
            hint="Deploy this consumer anew, then try its dead letters again.",
        )
    try:
        return kind.model_validate(message.json())
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)}))
        told = f"a message of topic {message.topic} is no {kind.name}: {fields} do not fit."
    # Outside the except block: pydantic's error knows the values.
    raise ValidationFailed(told, field=fields)
