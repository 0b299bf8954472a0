"""Making a backup: at one moment, in batches, and never half."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient, monitoring
from pymongo.errors import OperationFailure
from tests.operations.backup.conftest import Database

from docstore.errors import BackupError
from docstore.operations.backup import (
    BackupOptions,
    BackupProgress,
    Place,
    Standing,
    create_backup,
    list_backups,
    open_backup,
    verify_backup,
)
from docstore.operations.backup import snapshots as snapshots_module
from docstore.operations.backup.dumping import _Size
from docstore.settings import Settings


class Seen(monitoring.CommandListener):
    """What was sent."""

    def __init__(self) -> None:
        self.commands: list[monitoring.CommandStartedEvent] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands.append(event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


async def test_everything_is_read_at_one_moment(settings: Settings, source: Database, place: Place) -> None:
    """The embedded server lets a snapshot see later writes, so it is the commands that are looked at."""
    seen = Seen()
    async with AsyncMongoClient[dict[str, Any]](
        settings.mongo_uri.get_secret_value(), tz_aware=True, event_listeners=[seen]
    ) as client:
        made = await create_backup(client[source.name], place)

    finds = [each.command for each in seen.commands if each.command_name == "find"]
    assert finds[0]["readConcern"]["level"] == "snapshot"
    moments = {str(command["readConcern"]["atClusterTime"]) for command in finds[1:] if command["find"] != "Ring"}
    assert len(moments) == 1
    assert {command["find"] for command in finds} == {"Post", "Types", "Checked", "Ring", "Empty", "odd/näme: 1"}
    capped = next(command for command in finds if command["find"] == "Ring")
    assert "readConcern" not in capped
    assert made.manifest.snapshot is not None
    assert made.manifest.notes == ("not read at the snapshot, being capped: Ring",)
    assert not made.manifest.is_consistent


async def test_a_server_without_snapshots_is_told_of(
    source: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> Any:
        raise OperationFailure("not a replica set", 123)

    monkeypatch.setattr(type(source["Post"]), "find_one", refuses)
    with pytest.raises(BackupError, match="the server has no snapshots"):
        await create_backup(source, place, BackupOptions(require_snapshot=True))
    made = await create_backup(source, place)

    assert made.manifest.snapshot is None
    assert not made.manifest.is_consistent
    assert made.manifest.notes[0].startswith("not read at one moment: the server has no snapshots")
    assert [each.standing for each in list_backups(place)] == [Standing.WHOLE]


def test_a_snapshot_that_is_too_old_says_what_to_do() -> None:
    told = snapshots_module.told_snapshot_error(OperationFailure("SnapshotTooOld", 239), "Post")

    assert told is not None
    assert "minSnapshotHistoryWindowInSeconds" in str(told)
    assert snapshots_module.told_snapshot_error(OperationFailure("x", 1), "Post") is None


async def test_progress_and_sizes(source: Database, place: Place) -> None:
    told: list[BackupProgress] = []

    made = await create_backup(source, place, on_progress=told.append)

    last = {each.collection: each for each in told}
    assert {name: each.done for name, each in last.items()} == {
        each.name: each.documents for each in made.manifest.collections if each.data is not None
    }
    assert all(each.done == each.total for each in last.values())


async def test_only_some_collections(source: Database, place: Place) -> None:
    made = await create_backup(source, place, BackupOptions(only=["Post", "Busy"]))

    assert [each.name for each in made.manifest.collections] == ["Busy", "Post"]
    with pytest.raises(BackupError, match=r"has no collection Nope\.") as told:
        await create_backup(source, place, BackupOptions(only=["Nope"]))
    assert "Post" in str(told.value)


async def test_nothing_to_back_up(target: Database, place: Place) -> None:
    with pytest.raises(BackupError, match="is empty or does not exist"):
        await create_backup(target, place)

    assert list_backups(place) == []


async def test_two_in_the_same_second_have_names_of_their_own(source: Database, place: Place) -> None:
    names = {(await create_backup(source, place, BackupOptions(only=["Types"]))).name for _ in range(3)}

    assert len(names) == 3
    assert all([(await verify_backup(open_backup(place, name))).ok for name in names])


async def test_what_changes_meanwhile_is_noted(source: Database, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from docstore.operations.backup import creating

    real = creating.dump_collections

    async def meanwhile(*arguments: Any) -> Any:
        entries = await real(*arguments)
        await source.create_collection("New")
        await source.drop_collection("Empty")
        await source["Types"].create_index("later")
        return entries

    monkeypatch.setattr(creating, "dump_collections", meanwhile)
    made = await create_backup(source, place)

    assert made.manifest.notes[1:] == (
        "made while the backup ran, and not in it: New",
        "dropped, or given other options or indexes while the backup ran: Empty, Types",
    )


async def test_a_place_that_cannot_be_written_to(source: Database, tmp_path: Path) -> None:
    from docstore.operations.backup import open_place

    (tmp_path / "file").write_text("in the way")

    with pytest.raises(BackupError, match="failed at"):
        await create_backup(source, open_place(str(tmp_path / "file" / "backups")))


def test_batches_are_of_a_size() -> None:
    assert _Size().batch() == 10_000
    assert _Size(1_000_000, 100_000_000).batch() == 20_000
    assert _Size(1_000, 1_000 * 16_000).batch() == 262
    assert _Size(10, 10 * 16_000_000).batch() == 100
