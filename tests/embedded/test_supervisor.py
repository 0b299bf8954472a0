"""The supervisor: what it starts serves, what it started ends, and what goes wrong is said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from docstore.embedded import SERVICES, EmbeddedServers, running_servers, settings_for
from docstore.errors import EmbeddedServerError

_OWNER = """
    import asyncio, json, sys
    from pathlib import Path
    from docstore.embedded import EmbeddedServers

    services = ["mongodb", "redis", "kafka"]

    async def main(state_dir, ending):
        async with EmbeddedServers(Path(state_dir) if state_dir else None, services) as servers:
            print(json.dumps({"pids": servers.pids, "state_dir": str(servers.state_dir)}), flush=True)
            if ending == "exception":
                raise ZeroDivisionError
            await asyncio.sleep(60)

    asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def _owner(state_dir: str = "", ending: str = "wait") -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run a process that owns servers; give it and what it says of them."""
    command = [sys.executable, "-c", textwrap.dedent(_OWNER), state_dir, ending]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as owner:
        try:
            assert owner.stdout is not None
            yield owner, json.loads(owner.stdout.readline())
        finally:
            owner.kill()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text() if Path("/proc/self").exists() else ""
    except (ProcessLookupError, FileNotFoundError):
        return False
    return " Z " not in status  # a zombie has ended, whoever has yet to collect it


def _until(condition: Any, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listing.read_text().split()] if listing.exists() else []


@pytest.mark.parametrize(
    ("end", "exit_code"),
    [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, -signal.SIGINT)],
)
def test_no_process_and_no_file_outlives_the_owner(end: signal.Signals, exit_code: int) -> None:
    with _owner() as (owner, servers):
        pids = [*servers["pids"].values()]
        pids += [grandchild for pid in pids for grandchild in _children(pid)]
        assert all(_runs(pid) for pid in pids)
        owner.send_signal(end)
        assert owner.wait(15) == exit_code
        assert _until(lambda: not any(_runs(pid) for pid in pids))
        assert _until(lambda: not Path(servers["state_dir"]).exists())


def test_no_process_and_no_file_outlives_an_exception() -> None:
    with _owner(ending="exception") as (owner, servers):
        assert owner.wait(15) == 1
        assert not any(_runs(pid) for pid in servers["pids"].values())
        assert not Path(servers["state_dir"]).exists()


def test_another_process_finds_the_servers_and_is_kept_from_a_second_set(tmp_path: Path) -> None:
    with _owner(str(tmp_path)) as (owner, _):
        urls = running_servers(tmp_path)
        assert urls is not None
        assert set(urls) == {"mongodb", "redis", "kafka"}
        with pytest.raises(EmbeddedServerError, match=rf"in use by process {owner.pid}\."):
            asyncio.run(EmbeddedServers(tmp_path, []).__aenter__())
        owner.kill()
        owner.wait()
        assert running_servers(tmp_path) is None, "a dead owner's servers.json is stale"


def test_a_server_ends_however_often_it_is_told_of_the_owners_death() -> None:
    with _owner() as (_, servers):
        kafka = servers["pids"]["kafka"]
        for _ in range(2_000):  # as from an owner of many threads, each of which the kernel tells of
            with contextlib.suppress(ProcessLookupError):
                os.kill(kafka, signal.SIGHUP)
        assert _until(lambda: not _runs(kafka), seconds=10)


async def test_a_directory_left_by_a_killed_owner_is_taken_over(tmp_path: Path) -> None:
    with _owner(str(tmp_path)) as (owner, _):
        owner.kill()
        owner.wait()
        async with EmbeddedServers(tmp_path, ["mongodb"]) as servers:
            assert running_servers(tmp_path) == servers.urls


async def test_all_four_start_within_seconds_and_fill_the_settings() -> None:
    started = time.monotonic()
    async with EmbeddedServers() as servers:
        assert time.monotonic() - started < 10
        assert set(servers.urls) == set(SERVICES)
        overrides = servers.settings_overrides()
        assert overrides == settings_for(servers.urls)
        assert set(overrides) == {
            "database_url_local",
            "redis_url",
            "kafka_service_uri",
            "algolia_hosts",
            "algolia_app_id",
            "algolia_write_api_key",
            "algolia_search_api_key",
        }
        pids = servers.pids
    assert not any(_runs(pid) for pid in pids.values())


def test_settings_name_only_what_runs() -> None:
    assert settings_for({}) == {}
    assert settings_for({"redis": "redis://127.0.0.1:1/0"}) == {"redis_url": "redis://127.0.0.1:1/0"}


async def test_services_start_and_stop_on_demand(tmp_path: Path) -> None:
    async with EmbeddedServers(tmp_path, []) as servers:
        assert (servers.urls, running_servers(tmp_path)) == ({}, None)
        url, same = await asyncio.gather(servers.start("redis"), servers.start("redis"))
        assert url == same
        assert running_servers(tmp_path) == {"redis": url}
        await servers.stop("redis")
        await servers.stop("redis")
        assert running_servers(tmp_path) is None
        assert await servers.start("redis") == url, "it comes back on its port"
    assert running_servers(tmp_path) is None


async def test_a_given_port_is_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with EmbeddedServers(services=["mongodb"], ports={"mongodb": port}) as servers:
        assert f"127.0.0.1:{port}/" in servers.urls["mongodb"]


@pytest.mark.parametrize("service", ["mongodb", "redis"])
async def test_a_busy_port_is_named_with_the_way_out(service: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedServerError) as caught:
            async with EmbeddedServers(tmp_path, [service, "kafka"], {service: port}):
                pytest.fail("must not start")
    assert str(caught.value) == (
        f"Port {port} is busy, so the embedded {service} server cannot listen there: "
        "stop the program that does, choose another port, or 0 for any free one."
    )
    assert running_servers(tmp_path) is None
    async with EmbeddedServers(tmp_path, []):
        pass  # the failed start let the directory go


@pytest.mark.parametrize("service", ["mongodb", "redis", "fake_redis"])
async def test_a_port_taken_at_the_last_moment_is_named_too(
    service: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if service == "redis":
        request.getfixturevalue("redis_server")
    monkeypatch.setattr("docstore.embedded.launching.expect_free", lambda *_: None)
    name = service.removeprefix("fake_")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedServerError, match=f"Port {port} is busy"):
            async with EmbeddedServers(
                services=[name], ports={name: port}, redis="fake" if service == "fake_redis" else "auto"
            ):
                pytest.fail("must not start")


async def test_a_death_is_logged_published_and_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with EmbeddedServers(tmp_path, ["kafka"]) as servers:
        waiting = asyncio.create_task(servers.wait())
        await asyncio.sleep(0)
        with caplog.at_level(logging.ERROR, "docstore.embedded"):
            os.kill(servers.pids["kafka"], signal.SIGKILL)
            with pytest.raises(EmbeddedServerError) as caught:
                await asyncio.wait_for(waiting, 10)
            assert await asyncio.to_thread(_until, lambda: caplog.messages)
        assert (servers.urls, servers.settings_overrides(), running_servers(tmp_path)) == ({}, {}, None)
        text = str(caught.value)
        assert "The embedded kafka server ended by signal SIGKILL. Its last words:" in text
        assert str(tmp_path / "logs" / "kafka.log") in text
        assert caplog.messages == [text]
        with pytest.raises(EmbeddedServerError):
            await servers.wait()  # also for who asks afterwards
        assert await servers.start("kafka") == servers.urls["kafka"]


async def test_an_error_in_the_block_carries_the_death_that_caused_it() -> None:
    async def lose_kafka() -> None:
        async with EmbeddedServers(services=["kafka"]) as servers:
            os.kill(servers.pids["kafka"], signal.SIGKILL)
            await asyncio.to_thread(_until, lambda: not servers.urls)
            raise ConnectionError

    with pytest.raises(ConnectionError) as caught:
        await lose_kafka()
    assert "The embedded kafka server ended by signal SIGKILL" in caught.value.__notes__[0]


async def test_a_server_that_does_not_serve_in_time_is_ended() -> None:
    with pytest.raises(EmbeddedServerError, match=r"mongodb server did not serve within 0\.01 s"):
        async with EmbeddedServers(services=["mongodb"], startup_timeout=0.01):
            pytest.fail("must not start")


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    others = set(_children(os.getpid()))
    entering = asyncio.create_task(EmbeddedServers(tmp_path, ["mongodb", "redis", "kafka"]).__aenter__())
    await asyncio.sleep(0.1)
    mine = set(_children(os.getpid())) - others
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert not [pid for pid in mine if _runs(pid)]
    async with EmbeddedServers(tmp_path, []):
        pass


def test_servers_outlive_the_thread_and_the_loop_that_started_them() -> None:
    servers = EmbeddedServers(services=["redis"])
    thread = threading.Thread(target=lambda: asyncio.run(servers.__aenter__()))
    thread.start()
    thread.join()
    try:
        time.sleep(0.3)
        assert asyncio.run(servers.start("redis")) == servers.urls["redis"]
        assert all(_runs(pid) for pid in servers.pids.values())
    finally:
        asyncio.run(servers.__aexit__(None, None, None))
    assert servers.pids == {}


async def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    for _ in range(3):
        async with EmbeddedServers(tmp_path, ["kafka"]):
            pass
    assert sorted(log.name for log in (tmp_path / "logs").iterdir()) == ["kafka.log", "kafka.log.1"]


async def test_misuse_is_said() -> None:
    with pytest.raises(ValueError, match="no embedded service 'postgres': choose from mongodb, redis, kafka"):
        EmbeddedServers(services=["postgres"])
    servers = EmbeddedServers(services=[])
    with pytest.raises(EmbeddedServerError, match="not running"):
        await servers.start("redis")
    async with servers:
        with pytest.raises(EmbeddedServerError, match="run already"):
            await servers.__aenter__()
    async with servers:
        assert servers.state_dir.is_dir()


async def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match=r"state directory .*file/state cannot be used: Not a directory"):
        async with EmbeddedServers(tmp_path / "file" / "state", []):
            pytest.fail("must not start")


def test_nobody_runs_on_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert running_servers(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("service", "module"), [("mongodb", "secantus"), ("kafka", "confluent_kafka"), ("redis", "fakeredis")]
)
def test_a_missing_extra_is_named(service: str, module: str) -> None:
    script = f"""
        import asyncio, sys
        from docstore.embedded import EmbeddedServers
        from docstore.errors import MissingExtra

        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name == {module!r}:
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Blocked())
        try:
            asyncio.run(EmbeddedServers(services=[{service!r}], redis="fake").__aenter__())
        except MissingExtra as error:
            print(error)
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert "needs the optional extra 'embedded'" in done.stdout, done.stderr
    assert "pip install 'docstore[embedded]'" in done.stdout


def test_supervising_imports_no_driver() -> None:
    script = "import sys, docstore.embedded.supervisor as s; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=60, check=True
    ).stdout.split()
    assert not {"secantus", "confluent_kafka", "fakeredis", "aiokafka", "algoliasearch"} & set(loaded)
