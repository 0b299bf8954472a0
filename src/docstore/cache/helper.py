"""`CacheHelper`: get, set and get-or-set of typed values in a cache that may be away."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, TypeVar, overload

from pydantic import JsonValue, TypeAdapter, ValidationError

from docstore.clients.protocols import KeyValue
from docstore.errors import OperationTimeout, ServerUnavailable

T = TypeVar("T")

SHORT: Final = 60.0
MEDIUM: Final = 600.0
LONG: Final = 3_600.0
VERY_LONG: Final = 86_400.0

_VERSION: Final = 1

_log = logging.getLogger("docstore.cache")


class CacheHelper:
    """Values of one namespace. A key is stored as ``<namespace>-<key>``.

    A value is stored as JSON in an envelope that tells its version and when it was made. What is stored in any other
    form, or does not fit the type asked for, counts as absent. The helper's own errors are the `KeyValue`'s; only
    `get_or_set` does without a cache that is away.

    Args:
        key_value: where the values are.
        namespace: the keys' first part; without a hyphen, so that no two namespaces share a key.

    Raises:
        ValueError: the namespace is empty or has a hyphen.
    """

    def __init__(self, key_value: KeyValue, namespace: str = "cache") -> None:
        if not namespace or "-" in namespace:
            raise ValueError("a cache namespace is a non-empty name without a hyphen, such as 'accounts'")
        self._key_value = key_value
        self._namespace = namespace

    def key(self, key: str) -> str:
        """The whole key under which `key` is stored."""
        return f"{self._namespace}-{key}"

    @overload
    async def get(self, key: str) -> JsonValue: ...
    @overload
    async def get(self, key: str, kind: type[T]) -> T | None: ...
    async def get(self, key: str, kind: Any = None) -> Any:
        """The value, as an instance of `kind` when given; None when it is absent."""
        found, value = await self._read(key, kind)
        return value if found else None

    async def set(self, key: str, value: object, ttl: float = MEDIUM) -> None:
        """Store a value for `ttl` seconds.

        Args:
            value: anything pydantic can write as JSON: models, dataclasses, datetimes, ids.

        Raises:
            ValueError: it cannot be written as JSON, or the ttl is not positive.
        """
        if ttl <= 0:
            raise ValueError("a cached value needs a lifetime of more than 0 seconds")
        envelope = {"v": _VERSION, "created": time.time(), "data": _adapter(object).dump_python(value, mode="json")}
        await self._key_value.set(self.key(key), json.dumps(envelope, separators=(",", ":")).encode(), ttl=ttl)

    async def delete(self, *keys: str) -> int:
        """Drop values; how many there were."""
        return await self._key_value.delete(*(self.key(key) for key in keys))

    async def exists(self, key: str) -> bool:
        """Whether something is stored under the key, readable or not."""
        return await self._key_value.exists(self.key(key))

    @overload
    async def get_or_set(self, key: str, make: Callable[[], Awaitable[object]], ttl: float = MEDIUM) -> JsonValue: ...
    @overload
    async def get_or_set(
        self, key: str, make: Callable[[], Awaitable[T]], ttl: float = MEDIUM, *, kind: type[T]
    ) -> T: ...
    async def get_or_set(
        self, key: str, make: Callable[[], Awaitable[Any]], ttl: float = MEDIUM, *, kind: Any = None
    ) -> Any:
        """The value, made and stored when it is absent. A cache that is away costs the making, not the answer.

        Without `kind` the answer is plain JSON, whether it was cached or made just now.
        """
        try:
            found, value = await self._read(key, kind)
            if found:
                return value
        except (ServerUnavailable, OperationTimeout) as error:
            _log.warning("The cache is away; the value is made anew: %s", error)
        made = await make()
        try:
            await self.set(key, made, ttl)
        except (ServerUnavailable, OperationTimeout) as error:
            _log.warning("The cache is away; the value is not stored: %s", error)
        return made if kind is not None else _adapter(object).dump_python(made, mode="json")

    async def _read(self, key: str, kind: Any) -> tuple[bool, Any]:
        raw = await self._key_value.get(self.key(key))
        if raw is None:
            return False, None
        try:
            envelope = json.loads(raw)
            if not isinstance(envelope, dict) or envelope.get("v") != _VERSION:
                return False, None
            data = envelope["data"]
            # From JSON, not from Python objects: a strict model takes a date written as text.
            return True, data if kind is None else _adapter(kind).validate_json(json.dumps(data))
        except (ValueError, KeyError, ValidationError):
            return False, None


@lru_cache(maxsize=512)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
