"""Field types shared by the models: instants, slugs, e-mail addresses, tokens that never rest in the clear."""

import hashlib
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from bson import Decimal128, Int64, ObjectId, Regex, Timestamp
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, JsonValue
from pydantic_core import CoreSchema, core_schema

V = TypeVar("V")

STORED: Final[Mapping[str, bool]] = {"docstore_stored": True}
"""Validation context of values that come from the database: what was accepted once is not judged again."""

_BSON_SCALARS: Final = (
    str,
    int,
    float,
    bool,
    bytes,
    datetime,
    re.Pattern,
    ObjectId,
    Decimal128,
    Int64,
    Regex,
    Timestamp,
)
_HASH_PREFIX: Final = "sha256:"
_HASH_SHAPE: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SLUG_SHAPE: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def is_stored(info: core_schema.ValidationInfo) -> bool:
    """Whether a validator looks at a value that comes from the database."""
    return info.context is STORED


def utc_now() -> datetime:
    """Now, in UTC, cut to the millisecond that BSON keeps: what is in memory equals what is read back."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)


def heeds_context_alone(validator: V) -> V:
    """Mark a validator that takes pydantic's info as looking at its context alone, never at the other fields.

    Codecs may then run it for one value, without the document round it.
    """
    validator.heeds_context_alone = True  # type: ignore[attr-defined]  # functions take attributes
    return validator


def as_utc(value: datetime) -> datetime:
    """An instant in UTC, cut to the millisecond; a naive datetime is taken as UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def is_slug(value: str) -> bool:
    """Whether text is a slug."""
    return _SLUG_SHAPE.fullmatch(value) is not None


@heeds_context_alone
def check_slug(value: str, info: core_schema.ValidationInfo) -> str:
    """The slug, unless it is none and does not come from the database."""
    if is_stored(info) or is_slug(value):
        return value
    raise ValueError("a slug is lower-case letters, digits and single hyphens between them, such as 'my-first-post'")


@heeds_context_alone
def check_email(value: str, info: core_schema.ValidationInfo) -> str:
    """The address in the form it is stored in; one from the database as it stands."""
    return value if is_stored(info) else normalized_email(value)


@lru_cache(maxsize=4096)  # an address is checked when it is given and again when it is written: 60 µs each
def normalized_email(value: str) -> str:
    """An e-mail address in lower case, its domain in normal form.

    Raises:
        ValueError: it is none.
    """
    try:
        parsed = validate_email(value.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"not an e-mail address such as 'ada@example.com': {error}") from None
    return parsed.normalized.lower()


@heeds_context_alone
def not_empty(value: str, info: core_schema.ValidationInfo) -> str:
    """The text, unless it is empty and does not come from the database."""
    if value or is_stored(info):
        return value
    raise ValueError("must not be empty")


def check_storable(value: object) -> object:
    """Free-form JSON as it stands, unless it holds what BSON does not."""
    if isinstance(value, Mapping):
        for key, nested in value.items():
            if not isinstance(key, str):
                raise ValueError(f"a key of free-form JSON is text, not {type(key).__name__}")
            check_storable(nested)
    elif isinstance(value, list | tuple):
        for nested in value:
            check_storable(nested)
    elif value is not None and not isinstance(value, _BSON_SCALARS):
        raise ValueError(f"free-form JSON cannot hold {type(value).__name__}: give text, numbers, lists and dicts")
    return value


def null_as_empty(value: object) -> object:
    """The value, an empty list for None."""
    return [] if value is None else value


UtcDateTime = Annotated[datetime, AfterValidator(as_utc)]
"""An instant in UTC with millisecond precision. A naive datetime is taken as UTC."""

Slug = Annotated[str, AfterValidator(check_slug)]
"""Lower-case letters, digits and single hyphens: the readable part of an address."""

Email = Annotated[str, AfterValidator(check_email)]
"""An e-mail address, checked for its shape (never by asking the network), stored in lower case."""

NonEmpty = Annotated[str, AfterValidator(not_empty), Field(json_schema_extra={"minLength": 1})]
"""Text that may not be empty."""

if TYPE_CHECKING:
    Json = JsonValue
else:
    Json = Annotated[Any, AfterValidator(check_storable)]
    """Free-form JSON, stored as it stands. What BSON adds to JSON (instants, ids, binary, decimals) passes too."""

StrList = Annotated[list[str], BeforeValidator(null_as_empty)]
"""A list of strings; a stored null reads as the empty list."""


class TokenHash(str):
    """The SHA-256 of a secret token, written ``sha256:<64 hex digits>``.

    A plain string given to a field of this type is hashed at once, so the token itself is never kept. Only a value
    that comes from the database, or that is a TokenHash already, is taken as a hash: presenting a stolen hash as a
    token hashes it again and matches nothing. A plain digest suits tokens because they are long and random;
    it does not suit passwords.
    """

    __slots__ = ()

    @classmethod
    def of(cls, token: str) -> "TokenHash":
        """The hash under which `token` is stored and looked up."""
        return cls(_HASH_PREFIX + hashlib.sha256(token.encode()).hexdigest())

    @classmethod
    @heeds_context_alone
    def _validate(cls, value: object, info: core_schema.ValidationInfo) -> "TokenHash":
        if isinstance(value, cls):
            return value
        if not isinstance(value, str) or not value:
            raise ValueError("a token is a non-empty string")
        if is_stored(info) and _HASH_SHAPE.fullmatch(value):
            return cls(value)
        return cls.of(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._validate,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )

    def __repr__(self) -> str:
        return "TokenHash('sha256:…')"
