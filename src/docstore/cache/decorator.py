"""`@cached`: the answers of an async function, kept."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property, update_wrapper
from typing import Final, Generic, ParamSpec, Protocol, TypeVar, get_type_hints, overload

from pydantic import SecretStr
from pydantic_core import PydanticSerializationError, to_json

from docstore.cache.active import active_cache
from docstore.cache.codecs import JsonCodec
from docstore.cache.helper import CacheHelper
from docstore.cache.lifetimes import MEDIUM, NEGATIVE
from docstore.cache.slots import Life, Lives
from docstore.errors import SettingsError

P = ParamSpec("P")
R = TypeVar("R")

_MASKED: Final = to_json(SecretStr("x"))[1:-1]


class CachedFunction(Generic[P, R]):
    """A function whose answers are kept; call it as before.

    Without an open Store that has a cache it is called each time.
    """

    def __init__(
        self,
        function: Callable[P, Awaitable[R]],
        namespace: str,
        lives: Lives,
        key: Callable[P, str] | None,
        tags: Callable[P, Sequence[str]] | Sequence[str],
    ) -> None:
        self._function = function
        self._namespace = namespace
        self._lives = lives
        self._key = key
        self._tags = tags
        update_wrapper(self, function)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        helper = await self._helper()
        if helper is None:
            return await self._function(*args, **kwargs)
        answer: R = await helper.load(
            self.key(*args, **kwargs),
            lambda: self._function(*args, **kwargs),
            self._codec,
            self._lives,
            self._tags(*args, **kwargs) if callable(self._tags) else self._tags,
        )
        return answer

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The key of a call's answer in the namespace.

        Raises:
            SettingsError: an argument cannot be told from others; the decorator needs `key`.
        """
        if self._key is not None:
            return self._key(*args, **kwargs)
        bound = inspect.signature(self._function).bind(*args, **kwargs)
        bound.apply_defaults()
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        try:
            arguments = to_json(bound.arguments)
        except PydanticSerializationError:
            arguments = None
        # Written, all secrets are the same: one caller would get another's answer.
        if arguments is None or _MASKED in arguments:
            kinds = ", ".join(f"{each}: {type(value).__name__}" for each, value in bound.arguments.items())
            raise SettingsError(
                f"{name} is cached, and no key can be made of its arguments ({kinds}).",
                hint="Say which: @cached(key=lambda ...: ...).",
            )
        return f"{name}:{hashlib.blake2b(arguments, digest_size=12).hexdigest()}"

    async def forget(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Drop the answer of a call; whether there was one."""
        helper = await self._helper()
        return bool(helper is not None and await helper.delete(self.key(*args, **kwargs)))

    async def _helper(self) -> CacheHelper | None:
        cache = await active_cache()
        return CacheHelper(cache, self._namespace) if cache is not None else None

    @cached_property
    def _codec(self) -> JsonCodec:
        kind = get_type_hints(self._function, include_extras=True).get("return")
        return JsonCodec(kind if kind is not type(None) else None)


class _Decorator(Protocol):
    def __call__(self, function: Callable[P, Awaitable[R]], /) -> CachedFunction[P, R]: ...


@overload
def cached(
    *,
    namespace: str = ...,
    ttl: float = ...,
    tags: Sequence[str] = ...,
    stale: float = ...,
    negative_ttl: float = ...,
) -> _Decorator: ...


@overload
def cached(
    *,
    namespace: str = ...,
    ttl: float = ...,
    key: Callable[P, str] | None = ...,
    tags: Callable[P, Sequence[str]] | Sequence[str] = ...,
    stale: float = ...,
    negative_ttl: float = ...,
) -> Callable[[Callable[P, Awaitable[R]]], CachedFunction[P, R]]: ...


def cached(
    *,
    namespace: str = "cache",
    ttl: float = MEDIUM,
    key: Callable[P, str] | None = None,
    tags: Callable[P, Sequence[str]] | Sequence[str] = (),
    stale: float = 0.0,
    negative_ttl: float = NEGATIVE,
) -> Callable[[Callable[P, Awaitable[R]]], CachedFunction[P, R]]:
    """Keep the answers of an async function, one for each set of arguments; they have the type it is annotated with.

    Args:
        namespace: where; see `NAMESPACES`.
        ttl: seconds an answer is fresh, less up to a tenth at random.
        key: from the arguments to the key; the function's name and a digest of them by default. A method needs one.
        tags: of the answer, or a function from the arguments to them; `document_tag` and `collection_tag` name tags
            that follow committed changes.
        stale: for so many seconds more the old answer is given while a fresh one is made.
        negative_ttl: seconds for which None is remembered; 0 not to.
    """
    Life(ttl, stale)  # refused now, not with the first call
    lives = Lives(ttl, stale, negative_ttl)

    def decorate(function: Callable[P, Awaitable[R]]) -> CachedFunction[P, R]:
        return CachedFunction(function, namespace, lives, key, tags)

    return decorate
