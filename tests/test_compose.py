"""docker-compose.yml: every service survives a restart with its data, where the settings look for it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from dotenv import dotenv_values

from docstore.settings import DbMethod, Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = ("mongodb", "redis", "kafka")
FACES = {"workers": "workers", "studio": "studio"}

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def published_ports(name: str) -> set[int]:
    return {int(port.split(":")[1]) for port in SERVICES[name].get("ports", [])}


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Settings.from_env(ROOT / ".env.example")


def test_servers_start_by_default_and_the_rest_by_profile() -> None:
    assert set(SERVICES) == {*SERVERS, *FACES}
    assert {name: SERVICES[name]["profiles"] for name in FACES} == {k: [v] for k, v in FACES.items()}
    assert not [name for name in SERVERS if "profiles" in SERVICES[name]]


@every_service
def test_it_has_a_health_check_with_limits(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= set(check)


@every_service
def test_it_is_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"


@every_service
def test_its_data_is_in_named_volumes(name: str) -> None:
    sources = [volume.split(":")[0] for volume in SERVICES[name]["volumes"]]
    assert sources
    assert set(sources) <= set(COMPOSE["volumes"])


def test_every_declared_volume_is_used_by_one_service() -> None:
    used = [volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]]
    assert sorted(used) == sorted(COMPOSE["volumes"])


@pytest.mark.parametrize(
    ("name", "image", "least"),
    [("mongodb", "mongo", (8, 0)), ("redis", "redis", (7, 0)), ("kafka", "apache/kafka", (4, 0))],
)
def test_versions_are_pinned_and_new_enough(name: str, image: str, least: tuple[int, int]) -> None:
    repository, _, tag = SERVICES[name]["image"].partition(":")
    version = re.match(r"^(\d+)\.(\d+)\.(\d+)(-alpine)?$", tag)
    assert repository == image
    assert version is not None
    assert (int(version[1]), int(version[2])) >= least


@every_service
def test_ports_are_for_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_the_example_settings_lead_to_the_servers(example: Settings) -> None:
    assert example.db_method is DbMethod.LOCAL
    mongo = urlsplit(example.mongo_uri.get_secret_value())
    assert (mongo.hostname, {mongo.port}) == ("127.0.0.1", published_ports("mongodb"))
    assert example.redis_dsn is not None
    redis = urlsplit(example.redis_dsn.get_secret_value())
    assert (redis.hostname, {redis.port}) == ("127.0.0.1", published_ports("redis"))
    assert published_ports("redis") == {Settings.model_fields["redis_port"].default}
    assert example.kafka_bootstrap == [f"127.0.0.1:{port}" for port in published_ports("kafka")]


def test_every_line_that_is_commented_out_would_be_read(tmp_path: Path) -> None:
    file = tmp_path / "all.env"
    file.write_text(re.sub(r"^#(?=[A-Z_]+=)", "", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert set(dotenv_values(file)) == {name.upper() for name in Settings.model_fields}


def test_mongodb_is_a_replica_set_that_initiates_itself() -> None:
    service = SERVICES["mongodb"]
    replica_set = service["command"][service["command"].index("--replSet") + 1]
    script = (ROOT / COMPOSE["configs"]["replica-set"]["file"]).read_text()
    assert service["configs"][0]["target"] in service["healthcheck"]["test"]
    assert f'_id: "{replica_set}"' in script
    assert "rs.initiate(" in script
    assert "127.0.0.1:27017" in script
    assert f"replicaSet={replica_set}" in (ROOT / ".env.example").read_text()


def test_redis_keeps_an_append_only_file() -> None:
    command = SERVICES["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"


def test_kafka_runs_without_zookeeper_and_advertises_each_door() -> None:
    environment = SERVICES["kafka"]["environment"]
    assert environment["KAFKA_PROCESS_ROLES"] == "broker,controller"
    assert environment["KAFKA_LOG_DIRS"] in SERVICES["kafka"]["volumes"][0]
    advertised = dict(door.split("://") for door in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert advertised == {"HOST": "127.0.0.1:9092", "CONTAINERS": "kafka:19092"}
    assert SERVICES["workers"]["environment"]["KAFKA_SERVICE_URI"] == advertised["CONTAINERS"]


@pytest.mark.parametrize("name", sorted(FACES))
def test_faces_wait_for_healthy_servers_and_have_valid_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = SERVICES[name]
    assert service["depends_on"] == {server: {"condition": "service_healthy"} for server in SERVERS}
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert urlsplit(settings.mongo_uri.get_secret_value()).hostname in SERVICES
    assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_the_image_runs_as_an_ordinary_user_and_takes_no_secrets_in() -> None:
    dockerfile = (ROOT / "docker/Dockerfile").read_text()
    ignored = (ROOT / "docker/Dockerfile.dockerignore").read_text().splitlines()
    assert re.search(r"^USER (?!root)\w+$", dockerfile, re.MULTILINE)
    assert "*" in ignored
    assert "!.env" not in ignored


def test_docker_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("needs the docker client with its compose plugin")
    for profile in ([], *(["--profile", profile] for profile in FACES.values())):
        answer = subprocess.run(
            [docker, "compose", *profile, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stderr
