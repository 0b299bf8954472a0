"""Running the command line within the test, on the test's own deployment."""

import logging
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from typer.testing import CliRunner

from docstore.cli.app import app
from docstore.documents.transactions import use_client
from docstore.settings import Settings

Run = Callable[..., Result]

LOGGERS = ("", "docstore", "aiokafka")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings from outside, a plain console of fixed width."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def deployment(environment: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An environment that leads to the test's own database and indexes."""
    values = {
        "DB_METHOD": "LOCAL",
        "DATABASE_NAME": settings.database_name,
        "DATABASE_URL_LOCAL": settings.mongo_uri.get_secret_value(),
        "REDIS_URL": settings.redis_dsn.get_secret_value() if settings.redis_dsn else "",
        "KAFKA_SERVICE_URI": ",".join(settings.kafka_bootstrap),
        "ALGOLIA_HOSTS": ",".join(settings.algolia_host_urls),
        "ALGOLIA_APP_ID": settings.algolia_app_id or "",
        "ALGOLIA_WRITE_API_KEY": "local-write-key",
        "ALGOLIA_SEARCH_API_KEY": "local-search-key",
        "ALGOLIA_INDEX_PREFIX": settings.algolia_index_prefix,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def run(environment: None) -> Iterator[Run]:
    """Invoke `docstore` with arguments; the result has exit_code, stdout and stderr."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    yield lambda *arguments: CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    use_client(None)
