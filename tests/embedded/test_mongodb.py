"""The embedded MongoDB server, through the driver that production uses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from docstore.embedded import EmbeddedServers


async def test_a_transaction_is_all_or_nothing(mongo_client: Any) -> None:
    async with EmbeddedServers(services=["mongodb"]) as servers, mongo_client(servers.urls["mongodb"]) as client:
        notes = client["library"]["notes"]
        await notes.insert_one({"_id": 0})
        async with client.start_session() as session:
            async with await session.start_transaction():
                await notes.insert_one({"_id": 1}, session=session)
            with contextlib.suppress(ZeroDivisionError):
                async with await session.start_transaction():
                    await notes.insert_one({"_id": 2}, session=session)
                    raise ZeroDivisionError
        assert await notes.distinct("_id") == [0, 1]


async def test_a_change_stream_tells_of_a_write(mongo_client: Any) -> None:
    async with EmbeddedServers(services=["mongodb"]) as servers, mongo_client(servers.urls["mongodb"]) as client:
        notes = client["library"]["notes"]
        await notes.insert_one({"_id": 0})
        async with await notes.watch() as stream:
            await notes.insert_one({"_id": 1})
            async with asyncio.timeout(10):
                change = await stream.next()
        assert (change["operationType"], change["documentKey"]) == ("insert", {"_id": 1})


async def test_data_in_a_state_directory_outlives_the_servers(tmp_path: Path, mongo_client: Any) -> None:
    async with EmbeddedServers(tmp_path, ["mongodb"]) as servers, mongo_client(servers.urls["mongodb"]) as client:
        await client["library"]["notes"].insert_one({"_id": 1})
    async with EmbeddedServers(tmp_path, ["mongodb"]) as servers, mongo_client(servers.urls["mongodb"]) as client:
        assert await client["library"]["notes"].distinct("_id") == [1]


async def test_what_was_committed_outlives_a_killed_server(mongo_client: Any) -> None:
    async with EmbeddedServers(services=["mongodb"]) as servers:
        url = servers.urls["mongodb"]
        async with mongo_client(url) as client, client.start_session() as session:
            await client["library"]["notes"].insert_one({"_id": 0})
            async with await session.start_transaction():
                await client["library"]["notes"].insert_many([{"_id": n} for n in range(1, 50)], session=session)
            os.kill(servers.pids["mongodb"], signal.SIGKILL)
        while "mongodb" in servers.urls:
            await asyncio.sleep(0.01)
        assert await servers.start("mongodb") == url, "the server comes back where its clients look for it"
        async with mongo_client(url) as client:
            assert await client["library"]["notes"].count_documents({}) == 50


async def test_an_abandoned_transaction_does_not_hold_up_a_drop(tmp_path: Path, mongo_client: Any) -> None:
    options = ["--data", str(tmp_path), "--exit-on-stdin-eof", "--transaction-lifetime", "1"]
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "docstore.embedded.mongodb", *options, stdin=PIPE, stdout=PIPE
    )
    assert server.stdout is not None
    ready = json.loads(await server.stdout.readline())
    url = f"mongodb://127.0.0.1:{ready['port']}"
    try:
        async with mongo_client(url) as client, mongo_client(url) as dropper:
            notes = client["library"]["notes"]
            await notes.insert_one({"_id": 1})
            # As a killed process leaves it: nobody will ever commit it or roll it back.
            session = client.start_session()
            await session.start_transaction()
            await notes.update_one({"_id": 1}, {"$set": {"a": 1}}, session=session)
            async with asyncio.timeout(30):
                await dropper.drop_database("library")
            assert await dropper["library"].list_collection_names() == []
    finally:
        server.terminate()
        await server.wait()


def test_a_server_whose_storage_has_failed_ends() -> None:
    failing = """
import logging
from docstore.embedded.mongodb import _EndOnPanic
log = logging.getLogger("secantus.commands")
logging.getLogger("secantus").addHandler(_EndOnPanic(logging.ERROR))
for error in ("WT_ROLLBACK: conflict", "WT_PANIC: WiredTiger library panic"):
    print(error, flush=True)
    try:
        raise RuntimeError(error)
    except RuntimeError:
        log.exception("internal error handling command")
print("still there")
"""
    ended = subprocess.run([sys.executable, "-c", failing], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[1:] == ["WT_PANIC: WiredTiger library panic"]
    assert ended.stderr.endswith("the storage has failed, so the server ends.\n")


async def test_stopping_with_open_clients_is_quick(mongo_client: Any) -> None:
    async with EmbeddedServers(services=["mongodb"]) as servers, mongo_client(servers.urls["mongodb"]) as client:
        await client.admin.command("ping")
        started = asyncio.get_running_loop().time()
        await servers.stop("mongodb")
        assert asyncio.get_running_loop().time() - started < 1.5
        assert servers.urls == {}


async def test_an_open_transaction_holds_no_page_between_its_statements(tmp_path: Path, mongo_client: Any) -> None:
    program = tmp_path / "serve.py"
    program.write_text(_SERVE_AND_TELL_OF_CURSORS)
    server = await asyncio.create_subprocess_exec(
        sys.executable, str(program), str(tmp_path / "data"), stdin=PIPE, stdout=PIPE
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        url = json.loads(await server.stdout.readline())
        async with mongo_client(url) as client, client.start_session() as session:
            notes = client["library"]["notes"]
            await notes.create_index("number")
            await notes.insert_many([{"_id": n, "number": n} for n in range(10)])
            await session.start_transaction()
            assert await notes.find({"number": {"$lt": 3}}, session=session).distinct("_id") == [0, 1, 2]
            await notes.update_one({"number": 5}, {"$set": {"read": True}}, session=session)
            server.stdin.write(b"\n")
            told = json.loads(await server.stdout.readline())  # and asking spoils the transaction
        assert told["cursors"] > 1
        assert told["on a page"] == []
    finally:
        server.kill()
        await server.wait()


_SERVE_AND_TELL_OF_CURSORS = """
import json, sys
from docstore.embedded.mongodb import release_pages_between_statements
from secantus import SecantusDBServer

def on_a_page(cursor):
    try:
        cursor.get_key()
    except Exception:
        return False
    return True

release_pages_between_statements()
with SecantusDBServer(storage_path=sys.argv[1], port=0) as server:
    print(json.dumps(server.uri), flush=True)
    sys.stdin.readline()
    [open_] = [each for each in server.transactions._txns.values() if each.state.name == "IN_PROGRESS"]
    cursors = open_.handle.cursors
    told = {"cursors": len(cursors), "on a page": [str(key) for key, each in cursors.items() if on_a_page(each)]}
    print(json.dumps(told), flush=True)
    sys.stdin.readline()
"""
