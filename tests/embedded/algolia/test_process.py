"""The server as a process, and the file it keeps."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.search.client import SearchClient
from algoliasearch.search.config import SearchConfig

from docstore.embedded.algolia import Limits, LocalAlgolia
from docstore.errors import EmbeddedServerError

COMMAND = [sys.executable, "-m", "docstore.embedded.algolia"]
Connect = Callable[[int], AbstractAsyncContextManager[SearchClient]]


@pytest.fixture
def connect() -> Connect:
    @asynccontextmanager
    async def connected(port: int) -> AsyncIterator[SearchClient]:
        config = SearchConfig("docstore-local", "local-write-key")
        config.hosts = HostsCollection([Host("127.0.0.1", scheme="http", port=port)])
        config.proxies = {}
        async with SearchClient.create_with_config(config) as client:
            yield client

    return connected


def start(*arguments: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["ready"] is True
    return process, ready["port"]


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and what else it printed. Waiting first: `communicate` would close stdin."""
    code = process.wait(timeout=20)
    assert process.stdin is not None
    assert process.stdout is not None
    rest = process.stdout.read()
    process.stdin.close()
    process.stdout.close()
    return code, rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_writes_the_state_and_ends(tmp_path: Path, connect: Connect, number: int) -> None:
    state = tmp_path / "state" / "search.json"
    process, port = start("--state", str(state))
    async with connect(port) as client:
        await client.set_settings("i", {"replicas": ["r"], "customRanking": ["desc(n)"]})
        await client.save_objects("i", [{"objectID": "1", "n": 1}, {"objectID": "ü", "n": 2}])
        synonym = {"objectID": "s", "type": "synonym", "synonyms": ["a", "b"]}
        last = (await client.save_synonyms("i", [synonym])).task_id
    process.send_signal(number)
    assert ended(process) == (0, "")
    process, port = start("--state", str(state), "--exit-on-stdin-eof")
    async with connect(port) as client:
        hits = (await client.search_single_index("r")).hits
        assert [hit.object_id for hit in hits] == ["ü", "1"]
        assert (await client.get_synonym("i", "s")).synonyms == ["a", "b"]
        await client.save_objects("i", [{"objectID": "3"}])
        assert (await client.search_single_index("r")).nb_hits == 3
        assert (await client.clear_rules("i")).task_id > last
    assert process.stdin is not None
    process.stdin.close()
    assert ended(process) == (0, "")


async def test_changes_reach_the_file_without_a_stop(tmp_path: Path, connect: Connect) -> None:
    state = tmp_path / "search.json"
    process, port = start("--state", str(state))
    async with connect(port) as client:
        await client.save_objects("i", [{"objectID": "1"}])
        for _ in range(100):
            if state.exists():
                break
            await asyncio.sleep(0.05)
    process.kill()
    ended(process)
    assert json.loads(state.read_text())["indexes"]["i"]["records"] == [{"objectID": "1"}]
    assert list(tmp_path.iterdir()) == [state]


def test_a_taken_port_is_told_in_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 1, "lastTask": 0, "indexes": 3}'])
async def test_a_broken_state_file_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(content)
    with pytest.raises(EmbeddedServerError, match="state\\.json cannot be read"):
        await LocalAlgolia(state=state).start()
    assert state.read_text() == content


async def test_in_process_with_options(connect: Connect) -> None:
    async with LocalAlgolia(task_delay=60, limits=Limits(record_bytes=50)) as server, connect(server.port) as client:
        saved: Any = await client.save_object("i", {"a": 1})
        assert (await client.get_task("i", saved.task_id)).status == "notPublished"
        with pytest.raises(Exception, match=r"size=\d+/50 bytes"):
            await client.save_object("i", {"a": "x" * 50})
    await server.stop()
