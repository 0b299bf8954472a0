"""Motor on the same settings, or a plain word about the extra."""

from __future__ import annotations

import sys

import pytest

from docstore.clients import close_motor_client, get_motor_client
from docstore.errors import MissingExtra
from docstore.settings import Settings


async def test_it_reaches_the_same_server(settings: Settings) -> None:
    pytest.importorskip("motor")
    client = get_motor_client(settings)
    assert get_motor_client(settings) is client
    assert (await client.admin.command("ping"))["ok"] == 1
    assert client.write_concern.document == {"w": "majority", "j": True}
    await close_motor_client(settings)
    await close_motor_client(settings)


async def test_without_the_extra_the_error_names_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "motor.motor_asyncio", None)
    with pytest.raises(MissingExtra, match=r"docstore\[motor\]"):
        get_motor_client(settings)
