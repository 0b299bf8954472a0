"""Shared handles: one for all who ask, none for another loop or another process."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from docstore.clients._shared import SharedHandles, with_retries
from docstore.errors import DocstoreError, ServerUnavailable
from docstore.settings import Settings

FORK = """
import asyncio, os
from docstore.clients._shared import SharedHandles

handles = SharedHandles("get()")

async def take():
    return handles.get("same", object)

async def main():
    mine = await take()
    child = os.fork()
    if child == 0:
        # A child goes on in a loop of its own.
        asyncio._set_running_loop(None)
        theirs = asyncio.new_event_loop().run_until_complete(take())
        os._exit(0 if theirs is not mine and handles._inherited else 1)
    _, status = os.waitpid(child, 0)
    assert await take() is mine
    return os.waitstatus_to_exitcode(status)

raise SystemExit(asyncio.run(main()))
"""


async def test_one_handle_for_all_who_ask() -> None:
    handles: SharedHandles[object] = SharedHandles("get()")
    first = handles.get("a", object)
    assert handles.get("a", object) is first
    assert handles.get("b", object) is not first
    assert handles.peek("a") is first


async def test_a_handle_that_was_taken_out_is_made_anew() -> None:
    handles: SharedHandles[object] = SharedHandles("get()")
    first = handles.get("a", object)
    assert handles.pop("a") is first
    assert handles.pop("a") is None
    second = handles.get("a", object)
    assert second is not first
    assert not handles.discard("a", first)
    assert handles.discard("a", second)
    assert handles.peek("a") is None


def test_each_loop_has_its_own_and_closed_loops_are_forgotten() -> None:
    handles: SharedHandles[object] = SharedHandles("get()")

    async def take() -> object:
        return handles.get("a", object)

    first = asyncio.run(take())
    assert asyncio.run(take()) is not first
    assert len(handles._handles) == 1


def test_without_a_loop_the_error_says_what_to_do() -> None:
    handles: SharedHandles[object] = SharedHandles("get_thing()")
    with pytest.raises(DocstoreError, match=r"get_thing\(\) was called outside .* asyncio\.run"):
        handles.get("a", object)


def test_a_forked_child_makes_its_own_and_keeps_the_parents_untouched() -> None:
    child = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr


async def test_retries_end_with_the_last_error() -> None:
    tries = []

    async def fail() -> None:
        tries.append(len(tries))
        raise ServerUnavailable(f"try {len(tries)}")

    with pytest.raises(ServerUnavailable, match="try 3"):
        await with_retries(fail, Settings(connect_attempts=3, connect_timeout_s=30), on=(ServerUnavailable,))
    assert len(tries) == 3


async def test_a_success_ends_the_retries_and_other_errors_are_not_retried() -> None:
    tries = []

    async def second_time() -> int:
        tries.append(len(tries))
        if len(tries) == 1:
            raise ServerUnavailable("not yet")
        return len(tries)

    async def broken() -> None:
        tries.append(len(tries))
        raise ValueError("a bug")

    assert await with_retries(second_time, Settings(), on=(ServerUnavailable,)) == 2
    with pytest.raises(ValueError, match="a bug"):
        await with_retries(broken, Settings(), on=(ServerUnavailable,))
    assert len(tries) == 3
