"""Restoring: what comes back is what was there, nothing is overwritten unasked, and a half can be completed."""

import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from tests.operations.backup.conftest import contents, fill

from docstore.errors import BackupError, CorruptBackup, LeaseHeld, RestoreRefused, UniqueViolation
from docstore.operations.backup import (
    BackupOptions,
    Place,
    RestoreOptions,
    create_backup,
    open_backup,
    restore_backup,
    restore_state,
)
from docstore.operations.backup import restoring as restoring_module
from docstore.operations.backup.journal import JOURNAL_COLLECTION, WORKING_PREFIX, Journal, State, Way
from docstore.operations.backup.planning import renames_keep_options

Database = AsyncDatabase[dict[str, Any]]


@pytest.mark.parametrize("gzip", [True, False])
async def test_what_comes_back_is_what_was_there(source: Database, target: Database, place: Place, gzip: bool) -> None:
    before = await contents(source)
    await create_backup(source, place, BackupOptions(gzip=gzip))

    report = await restore_backup(open_backup(place, "latest"), target)

    assert await contents(target) == before
    assert report.documents == sum(len(documents) for *_, documents in before.values())
    assert {each.name: each.indexes for each in report.collections}["Post"] == 2
    names = await target.list_collection_names()
    assert JOURNAL_COLLECTION not in names
    assert not [name for name in names if name.startswith(WORKING_PREFIX)]


async def test_what_is_there_is_not_overwritten_unasked(source: Database, target: Database, place: Place) -> None:
    await create_backup(source, place)
    await target["Post"].insert_one({"_id": "mine"})
    before = await contents(target)

    with pytest.raises(RestoreRefused, match="already has Post") as refused:
        await restore_backup(open_backup(place, "latest"), target)

    assert "--drop" in str(refused.value)
    assert await contents(target) == before
    assert await restore_state(target) is None


@pytest.mark.parametrize("in_place", [False, True])
async def test_drop_replaces_what_the_backup_holds_and_leaves_the_rest(
    source: Database, target: Database, place: Place, in_place: bool
) -> None:
    before = await contents(source)
    await create_backup(source, place)
    await target["Post"].insert_one({"_id": "mine"})
    await target["Mine"].insert_one({"_id": "mine"})
    await target["Checked"].create_index("x")
    await target.command({"create": "Busy", "viewOn": "Mine", "pipeline": []})

    report = await restore_backup(open_backup(place, "latest"), target, RestoreOptions(drop=True, in_place=in_place))

    after = await contents(target)
    assert after.pop("Mine")[3]
    assert after == before
    assert report.left == ("Mine",)
    assert {each.name for each in report.collections if each.replaced} == {"Post", "Checked", "Busy"}


async def test_only_some_collections(source: Database, target: Database, place: Place) -> None:
    await create_backup(source, place)

    await restore_backup(open_backup(place, "latest"), target, RestoreOptions(only=["Types", "odd/näme: 1"]))

    assert set(await contents(target)) == {"Types", "odd/näme: 1"}
    with pytest.raises(BackupError, match="holds no collection Nope"):
        await restore_backup(open_backup(place, "latest"), target, RestoreOptions(only=["Nope"]))


async def test_everything_is_verified_before_anything_is_written(
    source: Database, target: Database, place: Place, tmp_path: Path
) -> None:
    made = await create_backup(source, place)
    file = tmp_path / "backups" / made.name / source.name / "Types.bson.gz"
    file.write_bytes(file.read_bytes()[:-9])

    with pytest.raises(CorruptBackup, match=r"Types\.bson\.gz is cut off") as corrupt:
        await restore_backup(open_backup(place, made.name), target)

    assert corrupt.value.offset == file.stat().st_size
    assert await target.list_collection_names() == []


async def test_old_documents_stay_until_the_new_ones_are_whole(
    source: Database, target: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_backup(source, place)
    await target["Post"].insert_one({"_id": "mine"})
    before = (await contents(target))["Post"]

    async def fails(*_: Any) -> int:
        raise BackupError("no more disk")

    monkeypatch.setattr(restoring_module, "build_indexes", fails)
    with pytest.raises(BackupError, match="no more disk"):
        await restore_backup(open_backup(place, "latest"), target, RestoreOptions(drop=True))

    assert (await contents(target))["Post"] == before
    state = await restore_state(target)
    assert state is not None
    assert {step.name: step.way for step in state.steps}["Post"] is Way.SWAP


@pytest.mark.parametrize("drop", [False, True])
async def test_a_restore_that_was_cut_off_goes_on(
    source: Database, target: Database, place: Place, monkeypatch: pytest.MonkeyPatch, drop: bool
) -> None:
    before = await contents(source)
    await create_backup(source, place)
    if drop:
        await fill(target, 10)
    backup, options = open_backup(place, "latest"), RestoreOptions(drop=drop, parallel=1)
    real, calls = restoring_module.fill, []

    async def fails_third(*arguments: Any) -> int:
        calls.append(arguments[2].name)
        if len(calls) == 3:
            raise RuntimeError("cut off")
        return await real(*arguments)

    monkeypatch.setattr(restoring_module, "fill", fails_third)
    with pytest.raises(RuntimeError, match="cut off"):
        await restore_backup(backup, target, options)
    monkeypatch.setattr(restoring_module, "fill", real)
    state = await restore_state(target)
    report = await restore_backup(backup, target, options)

    assert state is not None
    assert state.count(State.FILLED, State.PLACED) == 2
    assert report.resumed
    assert await contents(target) == before
    assert await restore_state(target) is None


async def test_another_restore_is_not_mixed_with_one_that_was_cut_off(
    source: Database, target: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await create_backup(source, place)
    await source["Post"].delete_many({"n": 1})
    second = await create_backup(source, place)
    real = restoring_module.fill

    async def fails(*_: Any) -> int:
        raise RuntimeError("cut off")

    monkeypatch.setattr(restoring_module, "fill", fails)
    with pytest.raises(RuntimeError, match="cut off"):
        await restore_backup(open_backup(place, first.name), target)
    monkeypatch.setattr(restoring_module, "fill", real)

    with pytest.raises(RestoreRefused, match=f"of {first.name}, begun .* UTC: of 7 collections 0 are filled"):
        await restore_backup(open_backup(place, second.name), target)
    await restore_backup(open_backup(place, second.name), target, RestoreOptions(restart=True, drop=True))

    assert await contents(target) == await contents(source)


async def test_of_two_restores_at_once_one_is_told_of_the_other(
    source: Database, target: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_backup(source, place)
    backup = open_backup(place, "latest")
    told: list[LeaseHeld] = []
    real = restoring_module.fill

    async def meanwhile(*arguments: Any) -> int:
        if not told:
            told.append(LeaseHeld("not yet"))
            with pytest.raises(LeaseHeld, match="'restoring' is being done by") as held:
                await restore_backup(backup, target, RestoreOptions(lease_s=10, wait_s=0))
            told.append(held.value)
        return await real(*arguments)

    monkeypatch.setattr(restoring_module, "fill", meanwhile)
    await restore_backup(backup, target)

    assert len(told) == 2
    assert await contents(target) == await contents(source)


async def test_a_collection_made_meanwhile_is_not_overwritten(
    source: Database, target: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_backup(source, place)
    backup, real = open_backup(place, "latest"), restoring_module.fill

    async def fails(*_: Any) -> int:
        raise RuntimeError("cut off")

    monkeypatch.setattr(restoring_module, "fill", fails)
    with pytest.raises(RuntimeError, match="cut off"):
        await restore_backup(backup, target, RestoreOptions(parallel=1))
    monkeypatch.setattr(restoring_module, "fill", real)
    state = await restore_state(target)
    assert state is not None
    waiting = next(step.name for step in state.steps if step.state is State.WAITING and step.name != "Busy")
    await target[waiting].insert_one({"_id": "mine"})

    with pytest.raises(RestoreRefused, match=f"somebody made {waiting}"):
        await restore_backup(backup, target)

    assert await target[waiting].find_one() == {"_id": "mine"}


async def test_documents_that_break_a_unique_index_are_named(target: Database, source: Database, place: Place) -> None:
    await source.drop_collection("Post")
    await source["Post"].insert_many([{"_id": 1, "e": "a"}, {"_id": 2, "e": "a"}, {"_id": 3, "e": "b"}])
    made = await create_backup(source, place, BackupOptions(only=["Post"], gzip=False))
    backup = open_backup(place, made.name)
    metadata = next(file for path, file in backup.files.items() if path.endswith("metadata.json"))
    unhashed = type(backup)(
        **vars(backup)
        | {"manifest": None, "files": {path: type(file)(file.path, file.name) for path, file in backup.files.items()}}
    )
    path = Path(place.told) / made.name / metadata.path
    unique = '{"key":{"e":{"$numberInt":"1"}},"name":"uq","unique":true}'
    path.write_text(path.read_text().replace('"indexes":[', f'"indexes":[{unique},'))

    with pytest.raises(UniqueViolation, match=r"index uq of Post wants e unique, but documents share it: 1, 2"):
        await restore_backup(unhashed, target)
    report = await restore_backup(unhashed, target, RestoreOptions(indexes=False, restart=True, drop=True))

    assert report.documents == 3


async def test_this_server_loses_options_when_it_renames(target: Database) -> None:
    """Should this begin to fail, plans swap on the embedded server as they do on MongoDB."""
    assert not await renames_keep_options(target)
    assert await target.list_collection_names() == []


async def test_where_renaming_is_cheap_everything_is_swapped(
    source: Database, target: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on MongoDB; the embedded server's renames lose validators, which are set again."""
    from docstore.operations.backup import planning

    async def they_do(_: Database) -> bool:
        return True

    monkeypatch.setattr(planning, "renames_keep_options", they_do)
    seen: list[tuple[str, Way]] = []
    real = Journal.write

    async def spied(self: Journal, state: Any) -> None:
        seen.extend((step.name, step.way) for step in state.steps)
        await real(self, state)

    monkeypatch.setattr(Journal, "write", spied)
    await create_backup(source, place)

    await restore_backup(open_backup(place, "latest"), target)

    assert dict(seen) == {name: Way.DIRECT if name in ("Busy", "Ring") else Way.SWAP for name in await contents(source)}
    assert await contents(target) == await contents(source)


async def test_the_clients_own_journal_is_in_no_backup(
    client: AsyncMongoClient[dict[str, Any]], source: Database, place: Place
) -> None:
    await source[JOURNAL_COLLECTION].insert_one({"_id": "restore"})
    await source[f"{WORKING_PREFIX}abc"].insert_one({"_id": 1})

    made = await create_backup(source, place)

    assert JOURNAL_COLLECTION not in [each.name for each in made.manifest.collections]
    assert not [each for each in made.manifest.collections if each.name.startswith(WORKING_PREFIX)]


async def test_a_server_that_copies_to_rename_does_not_cost_the_lease(
    source: Database, target: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await contents(source)
    await create_backup(source, place)
    await target["Post"].insert_one({"_id": "mine"})
    place_it = restoring_module.rename_into_place

    async def busy(database: Database, step: Any) -> None:
        time.sleep(0.9)  # nobody gets an answer meanwhile
        await place_it(database, step)

    async def never(database: Database) -> bool:
        return False

    monkeypatch.setattr(restoring_module, "rename_into_place", busy)
    monkeypatch.setattr(restoring_module, "renames_keep_options", never)
    options = RestoreOptions(only=["Post"], drop=True, lease_s=0.8)
    report = await restore_backup(open_backup(place, "latest"), target, options)

    assert report.documents == 1200
    assert (await contents(target))["Post"] == before["Post"]
