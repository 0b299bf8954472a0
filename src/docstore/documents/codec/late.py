"""What pydantic keeps beside the attributes of an instance, made when somebody asks for it.

Few documents that are read are ever asked which of their fields were given, or have a private attribute set. Making
both for each costs a third of what reading it costs, and the garbage collector's time on top. So a reader leaves
their slots empty, and the class's `__getattr__`, which Python calls for what is missing, fills them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

FIELDS_SET: Final = "__pydantic_fields_set__"
EXTRA: Final = "__pydantic_extra__"
PRIVATE: Final = "__pydantic_private__"
LATE: Final = frozenset({FIELDS_SET, EXTRA, PRIVATE})
"""The slots that may be empty."""

_ATTRIBUTE: Final = "_docstore_late"
_HOOK: Final = "DeclaredDocument.__getattr__"

SET_ATTRIBUTES: Final = BaseModel.__dict__["__dict__"].__set__
SET_FIELDS_SET: Final = BaseModel.__dict__[FIELDS_SET].__set__
SET_EXTRA: Final = BaseModel.__dict__[EXTRA].__set__
SET_PRIVATE: Final = BaseModel.__dict__[PRIVATE].__set__


@dataclass(frozen=True, slots=True)
class _Late:
    """What the empty slots of a class's instances stand for."""

    fields: frozenset[str]
    private: Callable[[], dict[str, Any] | None]


def may_be_late(model: type[BaseModel]) -> bool:
    """Whether the class fills empty slots."""
    hook = getattr(model, "__getattr__", None)
    return getattr(hook, "__qualname__", "") == _HOOK


def leave_to_late(model: type[BaseModel], fields: frozenset[str], private: Callable[[], dict[str, Any] | None]) -> None:
    """Say what empty slots of the class's instances stand for: all fields given, nothing extra, these private ones."""
    setattr(model, _ATTRIBUTE, _Late(fields, private))


def filled(instance: Any, slot: str) -> Any:
    """What an empty slot of an instance stands for; it is no longer empty then.

    Raises:
        AttributeError: pydantic is about to fill it by itself.
    """
    late: _Late | None = type(instance).__dict__.get(_ATTRIBUTE)
    if late is None:
        raise AttributeError(slot)
    if slot == FIELDS_SET:
        value: Any = set(late.fields)
        SET_FIELDS_SET(instance, value)
    elif slot == PRIVATE:
        value = late.private()
        SET_PRIVATE(instance, value)
    else:
        value = None
        SET_EXTRA(instance, value)
    return value
