"""Settings: where values come from, what is refused and how, what follows from them, what is never shown."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from docstore.clients._kafka_options import tls_context
from docstore.errors import SettingsError
from docstore.settings import DbMethod, Settings

LOCAL = {"DB_METHOD": "LOCAL", "DATABASE_URL_LOCAL": "mongodb://127.0.0.1:27017"}
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUcFoWBIpzG1Bh4dvd626MFQmtIKkwCgYIKoZIzj0EAwIw
IjEgMB4GA1UEAwwXZG9jc3RvcmUgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMDgy
MTM3WhgPMjEyNjEwMjgwODIxMzdaMCIxIDAeBgNVBAMMF2RvY3N0b3JlIHRlc3Qg
YXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpjZTGNmCLZTPZaq6
1ePCs+oEgt7ZNXKUhu3gIxeTDb4lsLLEBWMhVcHtDKnJttUtEYwlrPoCl0UMZgea
ZbRnk6NTMFEwHQYDVR0OBBYEFAfuqHdcrq0ORRLM1NGk8aNkjh4qMB8GA1UdIwQY
MBaAFAfuqHdcrq0ORRLM1NGk8aNkjh4qMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI
zj0EAwIDSQAwRgIhALJWCZ9v+QACD/+Fq88DEmpPsNAU59/LH61f4YN4sHjIAiEA
0EyvWIToVcwTTWTRwYmQADKjapDHSGz+H4nmML55kk8=
-----END CERTIFICATE-----
"""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def read(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


class TestSources:
    def test_without_any_variable_the_servers_are_embedded(self) -> None:
        settings = Settings()
        assert settings.db_method is DbMethod.EMBEDDED
        assert settings.database_name == "docstore"
        assert not settings.is_production

    def test_blank_variables_count_as_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        blank = {name.upper(): "" for name in Settings.model_fields} | {"REDIS_URL": "  ", "DB_METHOD": " "}
        assert read(monkeypatch, blank) == Settings.model_construct()

    def test_no_env_file_is_read_unasked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / ".env").write_text("DATABASE_NAME=from_file\n")
        monkeypatch.chdir(tmp_path)
        assert Settings().database_name == "docstore"
        assert Settings.from_env().database_name == "docstore"

    def test_the_environment_wins_over_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "settings.env"
        file.write_text("DATABASE_NAME=from_file\nAPP_NAME=file_app\nOTHER=ignored\n")
        monkeypatch.setenv("DATABASE_NAME", "from_environment")
        settings = Settings.from_env(file)
        assert (settings.database_name, settings.app_name) == ("from_environment", "file_app")

    def test_a_missing_file_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"absent\.env does not exist"):
            Settings.from_env(tmp_path / "absent.env")

    def test_the_method_is_read_in_any_case(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert read(monkeypatch, LOCAL | {"DB_METHOD": "local"}).db_method is DbMethod.LOCAL

    def test_the_old_name_of_the_url_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        environment = {"DB_METHOD": "PRODUCTION", "DATABASE_URL_ONLINE": "mongodb://db.example.net\n"}
        settings = read(monkeypatch, environment)
        assert settings.mongo_uri.get_secret_value() == "mongodb://db.example.net"
        assert settings.database_url == settings.mongo_uri
        assert settings.is_production

    def test_what_code_says_sets_other_spellings_in_the_environment_aside(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL_ONLINE", "mongodb://elsewhere")
        monkeypatch.setenv("REDIS_HOST", "elsewhere")
        settings = Settings(db_method="PRODUCTION", database_url="mongodb://here", redis_url="redis://here:6379")
        assert settings.mongo_uri.get_secret_value() == "mongodb://here"
        assert settings.redis_host is None

    def test_settings_are_frozen(self) -> None:
        with pytest.raises(ValidationError):
            Settings().database_name = "other"  # type: ignore[misc]  # that it is refused is the test


REFUSED = [
    ({"DB_METHOD": "CLOUD"}, "DB_METHOD", "'PRODUCTION'"),
    ({"DB_METHOD": "PRODUCTION"}, "DATABASE_URL", "is not set"),
    ({"DB_METHOD": "LOCAL"}, "DATABASE_URL_LOCAL", "is not set"),
    ({"DB_METHOD": "BRANCH", "DATABASE_URL": "mongodb://h"}, "DATABASE_BRANCH", "is not set"),
    ({"DB_METHOD": "BRANCH", "DATABASE_BRANCH": "b"}, "DATABASE_URL", "DATABASE_URL_LOCAL"),
    (
        {"DB_METHOD": "PRODUCTION", "DATABASE_URL": "mongodb://a", "DATABASE_URL_ONLINE": "mongodb://b"},
        "DATABASE_URL",
        "differ",
    ),
    (LOCAL | {"DATABASE_URL_LOCAL": "postgres://h/db"}, "DATABASE_URL_LOCAL", "mongodb://"),
    (LOCAL | {"DATABASE_URL_LOCAL": "mongodb://u:p/w@h/db"}, "DATABASE_URL_LOCAL", "percent-encoding"),
    (LOCAL | {"DATABASE_URL_LOCAL": "mongodb://h:99999"}, "DATABASE_URL_LOCAL", "port"),
    (LOCAL | {"DATABASE_URL_LOCAL": "mongodb+srv://"}, "DATABASE_URL_LOCAL", "host"),
    (LOCAL | {"DATABASE_NAME": "my.db"}, "DATABASE_NAME", "refuses"),
    (LOCAL | {"DATABASE_NAME": "n" * 64}, "DATABASE_NAME", "63 bytes"),
    (LOCAL | {"DB_METHOD": "BRANCH", "DATABASE_BRANCH": "a/b"}, "DATABASE_BRANCH", "refuses"),
    (LOCAL | {"DB_METHOD": "BRANCH", "DATABASE_BRANCH": "b" * 60}, "DATABASE_BRANCH", "63 bytes"),
    ({"MONGO_READ_PREFERENCE": "nowhere"}, "MONGO_READ_PREFERENCE", "secondaryPreferred"),
    ({"MONGO_MIN_POOL_SIZE": "101"}, "MONGO_MIN_POOL_SIZE", "MONGO_MAX_POOL_SIZE"),
    ({"MONGO_MAX_POOL_SIZE": "0"}, "MONGO_MAX_POOL_SIZE", "greater than or equal to 1"),
    ({"CONNECT_TIMEOUT_S": "soon"}, "CONNECT_TIMEOUT_S", "number"),
    ({"REDIS_URL": "http://h"}, "REDIS_URL", "redis://host:port/db"),
    ({"REDIS_URL": "redis://h:port"}, "REDIS_URL", "port"),
    ({"REDIS_URL": "redis://a", "REDIS_HOST": "b"}, "REDIS_URL", "REDIS_HOST"),
    ({"REDIS_URL": "redis://:one@a", "REDIS_PASSWORD": "two"}, "REDIS_URL", "REDIS_PASSWORD"),
    ({"REDIS_URL": "redis://a", "REDIS_TLS": "true"}, "REDIS_URL", "REDIS_TLS"),
    ({"REDIS_PASSWORD": "p"}, "REDIS_HOST", "is not set"),
    ({"REDIS_PORT": "70000"}, "REDIS_PORT", "65535"),
    ({"KAFKA_SERVICE_URI": "kafka://h:9092"}, "KAFKA_SERVICE_URI", "host:port"),
    ({"KAFKA_SERVICE_URI": "h"}, "KAFKA_SERVICE_URI", "host:port"),
    ({"KAFKA_SERVICE_URI": " , "}, "KAFKA_SERVICE_URI", "no broker"),
    ({"KAFKA_USERNAME": "u"}, "KAFKA_PASSWORD", "is not set"),
    ({"KAFKA_PASSWORD": "p"}, "KAFKA_USERNAME", "is not set"),
    ({"KAFKA_CA_CERT": "no certificate"}, "KAFKA_CA_CERT", "PEM"),
    ({"KAFKA_CLIENT_CERT": CERTIFICATE}, "KAFKA_CLIENT_KEY", "is not set"),
    ({"KAFKA_CLIENT_KEY": "/etc/hostname"}, "KAFKA_CLIENT_CERT", "is not set"),
    ({"KAFKA_CLIENT_KEY_PASSWORD": "p"}, "KAFKA_CLIENT_KEY", "is not set"),
    ({"KAFKA_SASL_MECHANISM": "ROT13"}, "KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
    ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_USERNAME", "is not set"),
    (
        {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "p"},
        "KAFKA_SECURITY_PROTOCOL",
        "does not use KAFKA_USERNAME",
    ),
    (
        {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT", "KAFKA_CA_CERT": CERTIFICATE},
        "KAFKA_SECURITY_PROTOCOL",
        "does not use KAFKA_CA_CERT",
    ),
    ({"ALGOLIA_APP_ID": "A"}, "ALGOLIA_WRITE_API_KEY", "ALGOLIA_SEARCH_API_KEY"),
    ({"ALGOLIA_WRITE_API_KEY": "k"}, "ALGOLIA_APP_ID", "is not set"),
    (
        {"ALGOLIA_APP_ID": "A", "ALGOLIA_WRITE_API_KEY": "k", "ALGOLIA_HOSTS": "127.0.0.1:7700"},
        "ALGOLIA_HOSTS",
        "http://",
    ),
    ({"ALGOLIA_INDEX_PREFIX": "a/b"}, "ALGOLIA_INDEX_PREFIX", "letters"),
]


class TestRefused:
    @pytest.mark.parametrize(("environment", "variable", "needs"), REFUSED)
    def test_one_wrong_setting_is_named_with_what_it_needs_and_an_example(
        self, environment: dict[str, str], variable: str, needs: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            read(monkeypatch, environment)
        message = str(caught.value)
        assert caught.value.field == variable
        assert message.startswith(f"{variable} ")
        assert needs in message
        assert f"Example: {variable}=" in message

    def test_all_wrong_settings_are_listed_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = {"MONGO_MAX_POOL_SIZE": "many", "DB_METHOD": "PRODUCTION", "KAFKA_USERNAME": "u"}
        with pytest.raises(SettingsError, match="3 settings are wrong") as caught:
            read(monkeypatch, wrong)
        named = set(re.findall(r"^  - (\w+)", str(caught.value), re.MULTILINE))
        assert named == {"MONGO_MAX_POOL_SIZE", "DATABASE_URL", "KAFKA_PASSWORD"}

    def test_a_url_that_the_method_does_not_use_is_no_obstacle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert read(monkeypatch, LOCAL | {"DATABASE_URL": "postgres://other/service"}).mongo_uri

    @pytest.mark.parametrize("mark", list('/\\. "$*<>:|?'))
    def test_each_character_that_databases_refuse(self, mark: str) -> None:
        with pytest.raises(SettingsError, match="DATABASE_NAME"):
            Settings(database_name=f"a{mark}b")

    def test_options_of_srv_addresses_are_no_obstacle(self) -> None:
        url = "mongodb+srv://u:p@cluster.example.net/db?srvMaxHosts=2&retryWrites=true"
        assert Settings(db_method="LOCAL", database_url_local=url).mongo_uri == SecretStr(url)

    def test_the_example_of_a_message_is_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(SettingsError) as caught:
            read(monkeypatch, {"DB_METHOD": "LOCAL"})
        name, _, value = str(caught.value).partition("Example: ")[2].partition("=")
        monkeypatch.setenv(name, value)
        assert Settings().mongo_uri == SecretStr(value)


class TestSecrets:
    SECRET = "s3cr3t-value"
    ENVIRONMENT = {  # noqa: RUF012  # a constant of the test
        "DB_METHOD": "PRODUCTION",
        "DATABASE_URL": f"mongodb://u:{SECRET}@h",
        "DATABASE_URL_LOCAL": f"mongodb://u:{SECRET}@h",
        "REDIS_URL": f"redis://u:{SECRET}@h",
        "KAFKA_USERNAME": "u",
        "KAFKA_PASSWORD": SECRET,
        "ALGOLIA_APP_ID": "A",
        "ALGOLIA_WRITE_API_KEY": SECRET,
        "ALGOLIA_SEARCH_API_KEY": SECRET,
    }

    def test_settings_do_not_show_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = read(monkeypatch, self.ENVIRONMENT)
        shown = [repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())]
        shown += [repr(settings.mongo_uri), repr(settings.redis_dsn)]
        assert not [text for text in shown if self.SECRET in text]

    def test_neither_do_errors_nor_their_tracebacks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = dict.fromkeys(self.ENVIRONMENT, f"{self.SECRET}/%")
        wrong |= {"REDIS_PORT": self.SECRET, "KAFKA_CA_CERT": self.SECRET, "DB_METHOD": "PRODUCTION"}
        with pytest.raises(SettingsError) as caught:
            read(monkeypatch, wrong)
        assert self.SECRET not in "".join(traceback.format_exception(caught.value))
        assert caught.value.__context__ is None

    def test_a_private_key_is_no_ca_certificate(self) -> None:
        with pytest.raises(SettingsError, match="KAFKA_CA_CERT"):
            Settings(kafka_ca_cert=CERTIFICATE + "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----")


class TestMongo:
    def test_each_method_has_its_address(self) -> None:
        urls = {"database_url": "mongodb://online", "database_url_local": "mongodb://local"}
        branch = {"database_branch": "b"}
        addresses = {
            method: Settings(db_method=method, **urls, **branch).mongo_uri.get_secret_value() for method in DbMethod
        }
        assert addresses == {
            DbMethod.EMBEDDED: "mongodb://local",
            DbMethod.LOCAL: "mongodb://local",
            DbMethod.BRANCH: "mongodb://online",
            DbMethod.PRODUCTION: "mongodb://online",
        }
        assert Settings(db_method="BRANCH", database_url_local="mongodb://local", **branch).mongo_uri

    def test_embedded_has_none_until_the_servers_run(self) -> None:
        settings = Settings()
        with pytest.raises(SettingsError, match="docstore up"):
            _ = settings.mongo_uri
        running = settings.with_urls(database_url_local="mongodb://127.0.0.1:5/?directConnection=true")
        assert running.mongo_uri.get_secret_value().startswith("mongodb://127.0.0.1:5/")

    def test_a_branch_has_a_database_of_its_own(self) -> None:
        urls = {"database_url": "mongodb://online", "database_url_local": "mongodb://local"}
        branch = Settings(db_method="BRANCH", database_name="shop", database_branch="b1", **urls)
        assert branch.effective_database_name == "shop__b1"
        assert branch.with_urls(db_method="LOCAL").effective_database_name == "shop"


class TestRedis:
    def test_the_parts_make_a_url(self) -> None:
        assert Settings().redis_dsn is None
        assert Settings(redis_host="h").redis_dsn == SecretStr("redis://h:6379/0")
        tls = Settings(redis_host="::1", redis_port=7, redis_username="u", redis_tls=True)
        assert tls.redis_dsn == SecretStr("rediss://u@[::1]:7/0")

    @given(password=st.text(min_size=1).filter(str.strip))
    def test_any_password_survives(self, password: str) -> None:
        dsn = Settings(redis_host="h", redis_password=password).redis_dsn
        assert dsn is not None
        assert unquote(urlsplit(dsn.get_secret_value()).password or "").strip() == password.strip()

    def test_parts_that_agree_with_the_url_are_fine(self) -> None:
        settings = Settings(
            redis_url="rediss://:p%40ss@Host:6380",
            redis_host="host",
            redis_port=6380,
            redis_password="p@ss",
            redis_tls=True,
        )
        assert settings.redis_dsn == settings.redis_url


class TestKafka:
    @pytest.mark.parametrize(
        "text",
        [
            CERTIFICATE,
            CERTIFICATE.replace("\n", "\\n"),
            CERTIFICATE.replace("\n", "\r\n"),
            CERTIFICATE.replace("\n", "\\r\\n"),
        ],
    )
    def test_a_certificate_is_read_with_any_newlines(self, text: str) -> None:
        context = tls_context(Settings(kafka_ca_cert=text))
        assert [found["subject"] for found in context.get_ca_certs()] == [
            ((("commonName", "docstore test authority"),),)
        ]

    @pytest.mark.parametrize(
        ("fields", "protocol"),
        [
            ({}, "PLAINTEXT"),
            ({"kafka_ca_cert": CERTIFICATE}, "SSL"),
            ({"kafka_username": "u", "kafka_password": "p"}, "SASL_SSL"),
            ({"kafka_username": "u", "kafka_password": "p", "kafka_ca_cert": CERTIFICATE}, "SASL_SSL"),
            (
                {"kafka_username": "u", "kafka_password": "p", "kafka_security_protocol": "SASL_PLAINTEXT"},
                "SASL_PLAINTEXT",
            ),
        ],
    )
    def test_the_protocol_follows_from_login_and_trust(self, fields: dict[str, str], protocol: str) -> None:
        assert Settings(**fields).kafka_protocol == protocol

    def test_brokers_are_a_list(self) -> None:
        assert Settings(kafka_service_uri="a:1, [::1]:2,").kafka_bootstrap == ["a:1", "[::1]:2"]
        assert Settings().kafka_bootstrap == []


class TestWithUrls:
    def test_a_new_address_leaves_the_old_credentials_behind(self) -> None:
        production = Settings(
            redis_host="h",
            redis_password="p",
            kafka_service_uri="h:1",
            kafka_username="u",
            kafka_password="p",
            kafka_ca_cert=CERTIFICATE,
            algolia_app_id="A",
            algolia_write_api_key="k",
            app_name="kept",
        )
        moved = production.with_urls(
            redis_url="redis://127.0.0.1:7",
            kafka_service_uri="127.0.0.1:8",
            algolia_app_id="local",
            algolia_hosts="http://127.0.0.1:9",
            algolia_search_api_key="s",
        )
        assert moved.redis_dsn == SecretStr("redis://127.0.0.1:7")
        assert (moved.kafka_protocol, moved.kafka_username) == ("PLAINTEXT", None)
        assert (moved.algolia_app_id, moved.algolia_write_api_key) == ("local", None)
        assert moved.app_name == "kept"
        assert production.kafka_username == "u"

    def test_values_stay_when_the_environment_changes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = read(monkeypatch, {"DATABASE_NAME": "first"})
        monkeypatch.setenv("DATABASE_NAME", "second")
        assert settings.with_urls(app_name="x").database_name == "first"

    def test_the_copy_keeps_the_rules(self) -> None:
        with pytest.raises(SettingsError, match="MONGO_MIN_POOL_SIZE"):
            Settings().with_urls(mongo_min_pool_size=1000)
        with pytest.raises(SettingsError, match="No such setting: mongo_url"):
            Settings().with_urls(mongo_url="x")


@pytest.mark.parametrize(
    ("method", "validators", "action"),
    [("LOCAL", None, "error"), ("PRODUCTION", None, "warn"), ("PRODUCTION", "error", "error"), ("LOCAL", "off", "off")],
)
def test_validators_warn_in_production_and_refuse_elsewhere(method: str, validators: str | None, action: str) -> None:
    url = "mongodb://127.0.0.1:27017"
    settings = Settings(db_method=method, database_url=url, database_url_local=url, validators=validators)

    assert settings.validator_action == action


@pytest.mark.parametrize(
    ("name", "way_out"), [("db_methd", "db_method"), ("DB_METHOD", "db_method"), ("xyz", "lower case")]
)
def test_a_misspelled_setting_in_code_is_not_passed_over(name: str, way_out: str) -> None:
    with pytest.raises(SettingsError, match=f"No such setting: {name}") as told:
        Settings(**{name: "LOCAL"})
    assert way_out in str(told.value)
    assert "LOCAL" not in str(told.value)


def test_hosts_of_algolia_are_a_list() -> None:
    settings = Settings(algolia_app_id="A", algolia_write_api_key="k", algolia_hosts="http://a:1/, https://b")
    assert settings.algolia_host_urls == ["http://a:1", "https://b"]


@pytest.mark.parametrize("file", [".env.example", "docs/settings.md"])
def test_every_variable_is_described(file: str) -> None:
    text = (Path(__file__).parents[1] / file).read_text()
    missing = [name.upper() for name in Settings.model_fields if not re.search(rf"\b{name.upper()}\b", text)]
    assert not missing
