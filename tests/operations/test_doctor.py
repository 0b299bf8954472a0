"""Diagnosing servers that run and servers that do not."""

from collections.abc import Sequence

import pytest

from docstore.errors import ServiceError
from docstore.operations import Finding, Verdict, describe_settings, diagnose
from docstore.settings import Settings


@pytest.fixture
def dead() -> Settings:
    """Settings that lead nowhere, and find out quickly."""
    return Settings(
        db_method="LOCAL",
        database_url_local="mongodb://ada:s3cr3t@127.0.0.1:1/",
        redis_url="redis://:s3cr3t@127.0.0.1:1/0",
        kafka_service_uri="127.0.0.1:1",
        algolia_app_id="app",
        algolia_write_api_key="s3cr3t",
        algolia_search_api_key="s3cr3t",
        algolia_hosts="http://127.0.0.1:1",
        mongo_server_selection_timeout_ms=200,
        connect_attempts=1,
        connect_timeout_s=2,
        redis_timeout_s=1,
    )


async def test_running_servers_are_well(settings: Settings) -> None:
    findings = await diagnose(settings)

    assert all(each.ok for each in findings)
    assert {each.check for each in findings} >= {"mongodb", "mongodb replica set", "mongodb transactions", "redis"}


async def test_dead_servers_are_each_a_problem_with_a_way_out_and_no_secret(dead: Settings) -> None:
    findings = {each.check: each for each in await diagnose(dead)}

    assert {"mongodb", "redis", "kafka", "algolia write key", "algolia search key"} == findings.keys()
    for each in findings.values():
        assert each.verdict is Verdict.PROBLEM
        assert each.hint
        assert "s3cr3t" not in each.detail + each.hint


async def test_what_is_not_configured_is_a_note(settings: Settings) -> None:
    uri = settings.mongo_uri.get_secret_value()
    only_mongo = Settings(db_method="LOCAL", database_url_local=uri, database_name=settings.database_name)

    findings = {each.check: each.verdict for each in await diagnose(only_mongo)}

    assert findings["mongodb"] is Verdict.OK
    assert {findings[name] for name in ("redis", "kafka", "algolia")} == {Verdict.NOTE}


async def test_missing_topics_are_named(settings: Settings) -> None:
    findings = {each.check: each for each in await diagnose(settings, topics=["never.made"])}

    assert findings["kafka topics"].verdict is Verdict.NOTE
    assert "never.made" in findings["kafka topics"].detail


async def test_a_key_without_rights_is_a_problem(settings: Settings) -> None:
    # The search key in the write key's place.
    mistaken = settings.model_copy(update={"algolia_write_api_key": settings.algolia_search_api_key})

    findings = {each.check: each for each in await diagnose(mistaken)}

    assert not findings["algolia write key"].ok
    assert "addObject" in findings["algolia write key"].hint


async def test_further_checks_run_when_the_database_answers(settings: Settings, dead: Settings) -> None:
    asked: list[Settings] = []

    async def look(given: Settings) -> Sequence[Finding]:
        asked.append(given)
        raise ServiceError("It refused.", hint="Ask again.")

    findings = await diagnose(settings, further=(look,))
    await diagnose(dead, further=(look,))

    assert asked == [settings]
    assert findings[-1] == Finding("database", False, "It refused.", "Ask again.")


def test_settings_are_described_without_secrets(dead: Settings) -> None:
    described = describe_settings(dead)

    assert described["DATABASE_URL_LOCAL"] == "mongodb://ada:***@127.0.0.1:1/"
    assert described["ALGOLIA_WRITE_API_KEY"] == "***"
    assert described["DB_METHOD"] == "LOCAL"
    assert "s3cr3t" not in str(described)
    assert "MONGO_MAX_POOL_SIZE" not in described
