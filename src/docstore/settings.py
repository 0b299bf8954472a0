"""What a deployment decides: which database, which servers, which limits. Read once, at the edge, frozen.

Owns the names, the defaults and what follows from them. The rules that settings must keep among each other
are in `_settings_rules`; nothing here opens a connection.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from docstore._kafka_certificates import real_newlines
from docstore._masking import mask_url
from docstore._settings_rules import Problem, broken_rules, field_problems, report
from docstore.errors import SettingsError

__all__ = ["DbMethod", "Settings", "mask_url"]

ReadPreference = Literal["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"]
ValidatorAction = Literal["off", "warn", "error"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]

# Other ways of saying the same thing: naming the key in code sets these aside, as code wins over environment.
_OTHER_SPELLINGS: dict[str, tuple[str, ...]] = {
    "database_url": ("database_url_online",),
    "redis_url": ("redis_host", "redis_port", "redis_username", "redis_password", "redis_tls"),
    "redis_host": ("redis_url",),
}
# What belongs to a server besides its address; a copy that points elsewhere must not take it along.
_CREDENTIALS: dict[str, tuple[str, ...]] = {
    "kafka_service_uri": (
        "kafka_username",
        "kafka_password",
        "kafka_ca_cert",
        "kafka_client_cert",
        "kafka_client_key",
        "kafka_client_key_password",
        "kafka_sasl_mechanism",
        "kafka_security_protocol",
    ),
    "algolia_hosts": ("algolia_app_id", "algolia_write_api_key", "algolia_search_api_key"),
}


class DbMethod(StrEnum):
    """Which deployment to talk to."""

    EMBEDDED = "EMBEDDED"
    """Local development servers that docstore starts by itself."""
    LOCAL = "LOCAL"
    """The database at DATABASE_URL_LOCAL."""
    BRANCH = "BRANCH"
    """A copy named after DATABASE_BRANCH, on the server of DATABASE_URL, else of DATABASE_URL_LOCAL."""
    PRODUCTION = "PRODUCTION"
    """The database at DATABASE_URL."""


class Settings(BaseSettings):
    """Every setting of docstore, frozen. The environment's name of a field is its name in upper case.

    ``Settings(...)`` takes fields by name and the rest from the environment; no ``.env`` file is read unless
    `from_env` is given one. White space round a value is dropped, as secrets from files end in a newline; an
    empty value counts as not set. Names that end in ``_ms`` are milliseconds, in ``_s`` seconds. Passwords,
    keys and URLs that may hold a password are `SecretStr`.

    Raises:
        SettingsError: settings are missing, malformed or contradict each other. All of them are listed, each
            with its variable, what it needs and an example; no value is shown.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    db_method: DbMethod = DbMethod.EMBEDDED
    database_url: SecretStr | None = None
    database_url_online: SecretStr | None = Field(None, repr=False, description="Old name of DATABASE_URL.")
    database_url_local: SecretStr | None = None
    database_name: str = "docstore"
    database_branch: str | None = None
    models: str = "docstore.models:ALL"
    validators: ValidatorAction | None = None

    mongo_max_pool_size: int = Field(100, ge=1)
    mongo_min_pool_size: int = Field(0, ge=0)
    mongo_server_selection_timeout_ms: int = Field(5_000, ge=1)
    mongo_connect_timeout_ms: int = Field(5_000, ge=1)
    mongo_socket_timeout_ms: int = Field(30_000, ge=1)
    mongo_wait_queue_timeout_ms: int = Field(10_000, ge=1)
    mongo_read_preference: ReadPreference = "primary"
    mongo_retry_reads: bool = True
    mongo_retry_writes: bool = True
    app_name: str = Field("docstore", max_length=128)
    connect_attempts: int = Field(5, ge=1)
    connect_timeout_s: float = Field(15.0, gt=0)
    strict_filters: bool = True
    audit: bool = True
    audit_key: SecretStr | None = None
    cursor_key: SecretStr | None = None
    query_log: bool = False
    query_log_sample_rate: float = Field(0.02, ge=0, le=1)
    query_log_slow_ms: int = Field(100, ge=1)

    backup_url: SecretStr = SecretStr("backups")
    backup_recipients: str = ""
    backup_identity: SecretStr | None = None

    redis_url: SecretStr | None = None
    redis_host: str | None = None
    redis_port: int = Field(6379, ge=1, le=65_535)
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_tls: bool = False
    redis_max_connections: int = Field(50, ge=1)
    redis_timeout_s: float = Field(5.0, gt=0)

    kafka_service_uri: str | None = None
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_cert: str | None = Field(None, repr=False)
    kafka_client_cert: str | None = Field(None, repr=False)
    kafka_client_key: SecretStr | None = None
    kafka_client_key_password: SecretStr | None = None
    kafka_sasl_mechanism: SaslMechanism = "SCRAM-SHA-256"
    kafka_security_protocol: SecurityProtocol | None = None
    kafka_client_id: str = "docstore"
    kafka_topic_prefix: str = ""
    kafka_request_timeout_s: float = Field(30.0, gt=0)

    smtp_url: SecretStr | None = None
    newsletter_from: str = "newsletter@localhost"
    newsletter_unsubscribe_url: str | None = None

    algolia_app_id: str | None = None
    algolia_write_api_key: SecretStr | None = None
    algolia_search_api_key: SecretStr | None = None
    algolia_hosts: str = ""
    algolia_index_prefix: str = ""
    algolia_max_record_bytes: int = Field(100_000, ge=1_000)

    embedded_state_dir: Path | None = None

    def __init__(self, **values: Any) -> None:
        _expect_known(name for name in values if not name.startswith("_"))  # the others are pydantic-settings' own
        for name, others in _OTHER_SPELLINGS.items():
            if values.get(name) is not None:
                values = dict.fromkeys(others) | values
        problems: list[Problem] = []
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = field_problems(error, type(self))
            # Once more with defaults in place of what is malformed, so that the rules report in the same go.
            super().__init__(**values | {problem.field: None for problem in problems})
        problems += broken_rules(self, besides={problem.field for problem in problems})
        # Outside the except block: pydantic's error, which knows the values, is not chained.
        if problems:
            raise report(problems)

    @model_validator(mode="before")
    @classmethod
    def _drop_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Blank and None mean "not set", wherever they come from; the old spelling stands in for the new."""
        given = {
            name: value
            for name, value in values.items()
            if value is not None and not (isinstance(value, str) and not value.strip())
        }
        if "database_url_online" in given:
            given.setdefault("database_url", given["database_url_online"])
        return given

    @field_validator("db_method", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("kafka_ca_cert", "kafka_client_cert")
    @classmethod
    def _real_newlines(cls, value: str | None) -> str | None:
        return real_newlines(value) if value else None

    @field_validator("kafka_client_key")
    @classmethod
    def _real_newlines_of_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return SecretStr(real_newlines(value.get_secret_value())) if value else None

    @classmethod
    def from_env(cls, env_file: Path | None = None) -> Self:
        """Read the environment and, where given, a file of ``NAME=value`` lines; the environment wins.

        Raises:
            SettingsError: the file does not exist, or see the class.
        """
        if env_file is not None and not env_file.is_file():
            raise SettingsError(
                f"The settings file {env_file} does not exist or is not a file.",
                hint="Copy .env.example to that path, or leave the option out.",
            )
        return cls(_env_file=env_file)

    def with_urls(self, **fields: Any) -> Self:
        """A copy with some fields replaced, checked like any other settings.

        A new address takes no credentials of the old server along: replacing ``kafka_service_uri`` or
        ``algolia_hosts`` resets what belongs to them unless given too; ``redis_url`` replaces ``redis_host``
        and the like.

        Raises:
            SettingsError: see the class; also for a name that is no setting.
        """
        _expect_known(fields)
        values = {name: getattr(self, name) for name in type(self).model_fields}
        for name, others in (_CREDENTIALS | _OTHER_SPELLINGS).items():
            if name in fields:
                values |= dict.fromkeys(others)
        return type(self)(**values | fields)

    @property
    def is_production(self) -> bool:
        """Whether this is the one deployment where nothing may be tried out."""
        return self.db_method is DbMethod.PRODUCTION

    @property
    def mongo_variable(self) -> str:
        """The environment variable that `mongo_uri` comes from, for messages."""
        if self.db_method is DbMethod.PRODUCTION or (self.db_method is DbMethod.BRANCH and self.database_url):
            return "DATABASE_URL"
        return "DATABASE_URL_LOCAL"

    @property
    def mongo_uri(self) -> SecretStr:
        """The connection string that `db_method` chooses.

        Raises:
            SettingsError: EMBEDDED, and no embedded server has filled its address in yet.
        """
        uri = self.database_url if self.mongo_variable == "DATABASE_URL" else self.database_url_local
        if uri is None:
            raise SettingsError(
                "DB_METHOD=EMBEDDED has no database address yet: the embedded servers are not running.",
                hint="Run `docstore up`, enter a Store, or set DB_METHOD=LOCAL with DATABASE_URL_LOCAL.",
                field="DATABASE_URL_LOCAL",
            )
        return uri

    @property
    def effective_database_name(self) -> str:
        """DATABASE_NAME; for a branch ``<name>__<branch>``. A database named in the URL is not used."""
        if self.db_method is DbMethod.BRANCH:
            return f"{self.database_name}__{self.database_branch}"
        return self.database_name

    @property
    def topic_prefix(self) -> str:
        """What is put before the names of topics and consumer groups: KAFKA_TOPIC_PREFIX; of a branch ``<branch>.``
        where that is empty, so that it shares no message with what it was made from."""
        if self.db_method is DbMethod.BRANCH and not self.kafka_topic_prefix:
            return f"{self.database_branch}."
        return self.kafka_topic_prefix

    @property
    def index_prefix(self) -> str:
        """What is put before the names of search indexes: ALGOLIA_INDEX_PREFIX; of a branch also ``<branch>_``, unless
        the prefix names the branch, so that it never writes to the indexes of what it was made from."""
        if self.db_method is DbMethod.BRANCH and (self.database_branch or "") not in self.algolia_index_prefix:
            return f"{self.algolia_index_prefix}{self.database_branch}_"
        return self.algolia_index_prefix

    @property
    def validator_action(self) -> ValidatorAction:
        """VALIDATORS, or what suits the deployment: ``warn`` in production, ``error`` everywhere else.

        Other services may have written to a production database for years; refusing is for when
        ``docstore schema check`` finds nothing any more.
        """
        return self.validators or ("warn" if self.is_production else "error")

    @property
    def redis_dsn(self) -> SecretStr | None:
        """REDIS_URL, or the URL that REDIS_HOST and the like make; None when Redis is not configured."""
        if self.redis_url or not self.redis_host:
            return self.redis_url
        user = quote(self.redis_username or "", safe="")
        password = f":{quote(self.redis_password.get_secret_value(), safe='')}" if self.redis_password else ""
        host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host
        login = f"{user}{password}@" if user or password else ""
        return SecretStr(f"{'rediss' if self.redis_tls else 'redis'}://{login}{host}:{self.redis_port}/0")

    @property
    def kafka_bootstrap(self) -> list[str]:
        """The ``host:port`` addresses of KAFKA_SERVICE_URI; empty when Kafka is not configured."""
        return [part.strip() for part in (self.kafka_service_uri or "").split(",") if part.strip()]

    @property
    def kafka_protocol(self) -> SecurityProtocol:
        """KAFKA_SECURITY_PROTOCOL, or what follows from the rest.

        TLS with a certificate, of the CA or one's own, or a user name (a password is never sent in the clear unless
        asked for), SASL with a user name, plain text with neither.
        """
        if self.kafka_security_protocol:
            return self.kafka_security_protocol
        if self.kafka_username:
            return "SASL_SSL"
        return "SSL" if self.kafka_ca_cert or self.kafka_client_cert else "PLAINTEXT"

    @property
    def algolia_host_urls(self) -> list[str]:
        """The URLs of ALGOLIA_HOSTS without trailing slashes; empty means Algolia's own hosts."""
        return [part.strip().rstrip("/") for part in self.algolia_hosts.split(",") if part.strip()]


def _expect_known(names: Iterable[str]) -> None:
    # A misspelled one would be passed over, and the default, an embedded database, be taken for the one that was meant.
    unknown = sorted(set(names) - Settings.model_fields.keys())
    if unknown:
        meant = get_close_matches(unknown[0].lower(), Settings.model_fields, n=1)
        raise SettingsError(
            f"No such setting: {', '.join(unknown)}.",
            hint=f"Did you mean {meant[0]}?" if meant else "In code settings are named in lower case: redis_url=...",
            field=unknown[0],
        )
