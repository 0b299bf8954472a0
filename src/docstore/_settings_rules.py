"""What settings must keep among each other, and how a breach is told without showing a value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from docstore._kafka_certificates import unfit
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.settings import Settings

# MongoDB refuses these on one platform or the other; a name must work on all.
_REFUSED_IN_NAMES = frozenset('/\\. "$*<>:|?\0')
_LONGEST_NAME = 63
_BROKER = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$")
_MODELS = re.compile(r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*$")
_INDEX_PREFIX = re.compile(r"^[A-Za-z0-9_.-]*$")

_EXAMPLES = {
    "DB_METHOD": "LOCAL",
    "DATABASE_URL": "mongodb+srv://user:password@cluster0.example.net/?retryWrites=true",
    "DATABASE_URL_LOCAL": "mongodb://127.0.0.1:27017/?replicaSet=rs0",
    "DATABASE_NAME": "docstore",
    "DATABASE_BRANCH": "feature-ratings",
    "MODELS": "myapp.models:ALL",
    "VALIDATORS": "warn",
    "MONGO_READ_PREFERENCE": "primary",
    "MONGO_MIN_POOL_SIZE": "0",
    "CONNECT_TIMEOUT_S": "15",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "6379",
    "REDIS_TLS": "true",
    "KAFKA_SERVICE_URI": "127.0.0.1:9092,127.0.0.1:9093",
    "KAFKA_USERNAME": "docstore",
    "KAFKA_PASSWORD": "the-password-of-that-user",
    "KAFKA_CA_CERT": "/run/secrets/ca.pem",
    "KAFKA_CLIENT_CERT": "/run/secrets/service.cert",
    "KAFKA_CLIENT_KEY": "/run/secrets/service.key",
    "KAFKA_CLIENT_KEY_PASSWORD": "the-password-of-that-key",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "ALGOLIA_APP_ID": "A1B2C3D4E5",
    "ALGOLIA_WRITE_API_KEY": "the-write-key-from-the-dashboard",
    "ALGOLIA_HOSTS": "http://127.0.0.1:7700",
    "ALGOLIA_INDEX_PREFIX": "staging_",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the environment variable to change, what it needs, and a good value."""

    variable: str
    needs: str
    example: str | None = None

    @property
    def field(self) -> str:
        """The settings field of the variable."""
        return self.variable.lower()

    def __str__(self) -> str:
        example = _EXAMPLES.get(self.variable, self.example)
        return f"{self.variable} {self.needs}" + (f" Example: {self.variable}={example}" if example else "")


def report(problems: Collection[Problem]) -> SettingsError:
    """One error that lists every problem; its `field` is the first variable."""
    lines = [str(problem) for problem in problems]
    message = lines[0] if len(lines) == 1 else f"{len(lines)} settings are wrong:\n  - " + "\n  - ".join(lines)
    return SettingsError(message, field=next(iter(problems)).variable)


def field_problems(error: ValidationError, model: type[Settings]) -> list[Problem]:
    """What is malformed by itself, in terms of variables; pydantic's own text may quote the value."""
    problems = []
    for detail in error.errors(include_url=False, include_context=True, include_input=False):
        name = str(detail["loc"][0])
        default = model.model_fields[name].default
        text = detail["msg"].removeprefix("Input ")
        example = None if default is None else str(default)
        problems.append(Problem(name.upper(), f"is malformed: it {text}.", example))
    return problems


def broken_rules(settings: Settings, *, besides: Collection[str] = ()) -> list[Problem]:
    """Every rule the settings break, except about the fields in `besides`, which are reported already."""
    rules = (_database, _database_names, _models, _pool, _redis, _kafka_address, _kafka_login, _kafka_tls, _algolia)
    return [problem for rule in rules for problem in rule(settings) if problem.field not in besides]


def _database(settings: Settings) -> Iterator[Problem]:
    method = settings.db_method
    if (
        settings.database_url_online is not None
        and settings.database_url is not None
        and settings.database_url_online != settings.database_url
    ):
        yield Problem("DATABASE_URL", "and its old name DATABASE_URL_ONLINE differ: keep DATABASE_URL only.")
    variable = settings.mongo_variable
    url = settings.database_url if variable == "DATABASE_URL" else settings.database_url_local
    if url is not None:
        if reason := _refused_mongo_url(url.get_secret_value()):
            yield Problem(variable, f"is not a MongoDB connection string: {reason}.")
    elif method == "BRANCH":
        yield Problem("DATABASE_URL", "is not set, nor DATABASE_URL_LOCAL; DB_METHOD=BRANCH needs one of them.")
    elif method != "EMBEDDED":
        yield Problem(variable, f"is not set; DB_METHOD={method} needs the address of the database.")


def _refused_mongo_url(url: str) -> str | None:
    """Why the driver would refuse it, without quoting any part of it; None when it would not."""
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    if not url.startswith(("mongodb://", "mongodb+srv://")):
        return "it must start with mongodb:// or mongodb+srv://"
    plain = url
    if url.startswith("mongodb+srv://"):
        # Resolving the name takes the network; checked is the form, as a plain address without SRV options.
        plain = "mongodb://" + url.removeprefix("mongodb+srv://").partition("?")[0]
    try:
        parse_uri(plain, validate=False)
    except (PyMongoError, ValueError):
        return "it needs a host, a port in 1..65535, name=value options, and user and password in percent-encoding"
    return None


def _database_names(settings: Settings) -> Iterator[Problem]:
    if settings.db_method == "BRANCH" and not settings.database_branch:
        yield Problem("DATABASE_BRANCH", "is not set; DB_METHOD=BRANCH needs the name of the branch.")
        return
    refused = 'holds a character that MongoDB refuses in database names (one of / \\ . " $ * < > : | ? or a space).'
    if _REFUSED_IN_NAMES & set(settings.database_name):
        yield Problem("DATABASE_NAME", refused)
    elif settings.db_method == "BRANCH" and _REFUSED_IN_NAMES & set(settings.database_branch or ""):
        yield Problem("DATABASE_BRANCH", refused)
    elif len(settings.effective_database_name.encode()) > _LONGEST_NAME:
        name = "DATABASE_BRANCH" if settings.db_method == "BRANCH" else "DATABASE_NAME"
        yield Problem(name, f"makes a database name of more than {_LONGEST_NAME} bytes.")


def _models(settings: Settings) -> Iterator[Problem]:
    if not _MODELS.match(settings.models):
        yield Problem("MODELS", "must be package.module:NAME, where NAME is a sequence of document classes.")


def _pool(settings: Settings) -> Iterator[Problem]:
    if settings.mongo_min_pool_size > settings.mongo_max_pool_size:
        yield Problem("MONGO_MIN_POOL_SIZE", "is larger than MONGO_MAX_POOL_SIZE.")


def _redis(settings: Settings) -> Iterator[Problem]:
    password = settings.redis_password.get_secret_value() if settings.redis_password else None
    if settings.redis_url is None:
        if not settings.redis_host and (password or settings.redis_username):
            yield Problem("REDIS_HOST", "is not set, but REDIS_USERNAME or REDIS_PASSWORD is.")
        return
    try:
        url = urlsplit(settings.redis_url.get_secret_value())
        host, port = url.hostname, url.port or 6379
    except ValueError:
        yield Problem("REDIS_URL", "has a malformed host or port.")
        return
    if url.scheme not in ("redis", "rediss", "unix") or (url.scheme != "unix" and not host):
        yield Problem("REDIS_URL", "must be redis://host:port/db, rediss:// for TLS, or unix:// with a path.")
        return
    said = {
        "REDIS_HOST": (settings.redis_host and settings.redis_host.lower(), host),
        "REDIS_PORT": (settings.redis_port if settings.redis_host else None, port),
        "REDIS_TLS": (settings.redis_tls or None, url.scheme == "rediss"),
        "REDIS_USERNAME": (settings.redis_username, unquote(url.username or "")),
        "REDIS_PASSWORD": (password, unquote(url.password or "")),
    }
    differing = [name for name, (part, in_url) in said.items() if part is not None and part != in_url]
    if differing:
        yield Problem("REDIS_URL", f"and {', '.join(differing)} say different things: set one or the other.")


def _kafka_address(settings: Settings) -> Iterator[Problem]:
    matches = [_BROKER.match(broker) for broker in settings.kafka_bootstrap]
    if not all(match and 1 <= int(match[2]) <= 65_535 for match in matches):
        yield Problem("KAFKA_SERVICE_URI", "must be host:port, or several with commas between, without a scheme.")
    if settings.kafka_service_uri is not None and not matches:
        yield Problem("KAFKA_SERVICE_URI", "names no broker.")


def _kafka_login(settings: Settings) -> Iterator[Problem]:
    protocol = settings.kafka_protocol
    if settings.kafka_username and not settings.kafka_password:
        yield Problem("KAFKA_PASSWORD", "is not set, but KAFKA_USERNAME is.")
    if settings.kafka_password and not settings.kafka_username:
        yield Problem("KAFKA_USERNAME", "is not set, but KAFKA_PASSWORD is.")
    if settings.kafka_username and not protocol.startswith("SASL_"):
        yield Problem("KAFKA_SECURITY_PROTOCOL", f"is {protocol}, which does not use KAFKA_USERNAME.")
    if protocol.startswith("SASL_") and not settings.kafka_username and not settings.kafka_password:
        yield Problem("KAFKA_USERNAME", f"is not set; KAFKA_SECURITY_PROTOCOL={protocol} needs it.")


def _kafka_tls(settings: Settings) -> Iterator[Problem]:
    given = [name for name in ("KAFKA_CLIENT_CERT", "KAFKA_CLIENT_KEY_PASSWORD") if getattr(settings, name.lower())]
    if given and not settings.kafka_client_key:
        yield Problem("KAFKA_CLIENT_KEY", f"is not set, but {' and '.join(given)} {'are' if given[1:] else 'is'}.")
    if settings.kafka_client_key and not settings.kafka_client_cert:
        yield Problem("KAFKA_CLIENT_CERT", "is not set, but KAFKA_CLIENT_KEY is.")
    for error in unfit(settings):
        yield Problem(error.variable, error.needs)
    unused = [name for name in ("KAFKA_CA_CERT", "KAFKA_CLIENT_CERT") if getattr(settings, name.lower())]
    if unused and not settings.kafka_protocol.endswith("SSL"):
        yield Problem("KAFKA_SECURITY_PROTOCOL", f"is {settings.kafka_protocol}, which does not use {unused[0]}.")


def _algolia(settings: Settings) -> Iterator[Problem]:
    has_key = bool(settings.algolia_write_api_key or settings.algolia_search_api_key)
    if settings.algolia_app_id and not has_key:
        yield Problem("ALGOLIA_WRITE_API_KEY", "is not set, nor ALGOLIA_SEARCH_API_KEY; ALGOLIA_APP_ID needs one.")
    if not settings.algolia_app_id and (has_key or settings.algolia_hosts):
        yield Problem("ALGOLIA_APP_ID", "is not set, but an Algolia key or ALGOLIA_HOSTS is.")
    if not all(_is_http_address(host) for host in settings.algolia_host_urls):
        yield Problem("ALGOLIA_HOSTS", "must hold URLs such as http://host:port, with commas between.")
    if not _INDEX_PREFIX.match(settings.algolia_index_prefix):
        yield Problem("ALGOLIA_INDEX_PREFIX", "may hold letters, digits, '_', '-' and '.' only.")


def _is_http_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and port != 0 and url.username is None
