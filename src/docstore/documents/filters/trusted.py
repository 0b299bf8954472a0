"""`trusted(...)`: the author of the code vouches that no part of this came from outside."""

from collections.abc import Mapping
from typing import Any, overload


class TrustedFilter(dict[str, Any]):
    """A filter, or the operators under a field, that is passed on as written."""


class TrustedName(str):
    """A field name for a sort that is passed on as written."""

    __slots__ = ()


@overload
def trusted(written: str) -> TrustedName: ...
@overload
def trusted(written: Mapping[str, Any]) -> TrustedFilter: ...


def trusted(written: Mapping[str, Any] | str) -> TrustedFilter | TrustedName:
    """Say that a filter, the operators under a field, or a sort's field name is the code's own and passes as written.

    ``Post.find(trusted({"stars": {"$mod": [2, 0]}}))``, or under one field: ``{"stars": trusted({"$mod": [2, 0]})}``.
    Never hand it anything that came with a request. The guard still holds: scripts are refused, deleted documents
    stay out of sight.

    Raises:
        TypeError: it is neither a mapping nor text.
    """
    if isinstance(written, str):
        return TrustedName(written)
    if isinstance(written, Mapping):
        return TrustedFilter(written)
    raise TypeError(f"trusted() takes a filter or a field name, not {type(written).__name__}")
