"""Places: a folder, whatever fsspec reaches, and encrypted files in either."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.operations.backup.conftest import Database, contents

from docstore.errors import BackupError, CorruptBackup, MissingExtra
from docstore.operations.backup import (
    BackupOptions,
    Keep,
    Seal,
    Standing,
    create_backup,
    list_backups,
    open_backup,
    open_place,
    prune_backups,
    restore_backup,
    verify_backup,
)
from docstore.operations.backup.naming import MANIFEST, UNFINISHED_MARK

pyrage = pytest.importorskip("pyrage")
fsspec = pytest.importorskip("fsspec")


@pytest.mark.parametrize("scheme", ["memory", "file"])
async def test_a_url_is_as_good_as_a_folder(source: Database, target: Database, tmp_path: Path, scheme: str) -> None:
    url = f"memory://{uuid4().hex}/backups" if scheme == "memory" else f"file://{tmp_path}/backups"
    place = open_place(url)
    assert list_backups(place) == []

    first = await create_backup(source, place)
    await create_backup(source, place, BackupOptions(only=["Types"]))
    await restore_backup(open_backup(place, first.name), target)

    assert await contents(target) == await contents(source)
    assert [each.standing for each in list_backups(place)] == [Standing.WHOLE] * 2
    report = await prune_backups(place, Keep(last=1))
    assert report.removed == (first.name,)
    assert len(list_backups(place)) == 1


async def test_a_remote_backup_counts_once_its_manifest_is_there_and_its_mark_is_gone(source: Database) -> None:
    url = f"memory://{uuid4().hex}"
    place, elsewhere = open_place(url), open_place(url)
    working = place.begin("one")
    assert [each.standing for each in list_backups(elsewhere)] == [Standing.WRITING]
    with pytest.raises(BackupError, match="never finished"):
        open_backup(elsewhere, "one")
    assert (await prune_backups(elsewhere, Keep(last=1))).removed == ()

    system, root = fsspec.core.url_to_fs(url)
    long_ago = {"started": (datetime.now(UTC) - timedelta(days=2)).isoformat()}
    system.pipe_file(f"{root}/one/{UNFINISHED_MARK}", json.dumps(long_ago).encode())

    assert [each.standing for each in list_backups(elsewhere)] == [Standing.UNFINISHED]
    assert (await prune_backups(elsewhere, Keep(last=1))).removed == (working,)


async def test_a_remote_backup_that_fails_is_removed(source: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from docstore.operations.backup import creating

    async def fails(*_: object) -> object:
        raise RuntimeError("cut off")

    place = open_place(f"memory://{uuid4().hex}")
    monkeypatch.setattr(creating, "dump_collections", fails)
    with pytest.raises(RuntimeError, match="cut off"):
        await create_backup(source, place)

    assert list_backups(place) == []


def test_an_address_that_leads_nowhere() -> None:
    with pytest.raises(BackupError, match="cannot be reached"):
        open_place("nosuch://x/y")


def test_secrets_in_addresses_are_not_told() -> None:
    with pytest.raises(BackupError) as told:
        open_place("nosuch://user:hunter2@x/y")

    assert "hunter2" not in str(told.value)


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match="'backup'"):
        open_place("memory://x")
    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(MissingExtra, match="'backup'"):
        Seal(["age1x"])


@pytest.fixture
def identity() -> str:
    """A fresh secret key."""
    return str(pyrage.x25519.Identity.generate())


def public(identity: str) -> str:
    return str(pyrage.x25519.Identity.from_str(identity).to_public())


@pytest.mark.parametrize("gzip", [True, False])
async def test_encrypted_there_and_back(
    source: Database, target: Database, tmp_path: Path, identity: str, gzip: bool
) -> None:
    place = open_place(str(tmp_path / "backups"))
    made = await create_backup(source, place, BackupOptions(seal=Seal([public(identity)]), gzip=gzip))
    folder = tmp_path / "backups" / made.name / source.name

    assert made.manifest.encrypted
    assert {each.suffix for each in folder.iterdir()} == {".age"}
    assert b"uq_title" not in b"".join(each.read_bytes() for each in folder.iterdir())
    await restore_backup(open_backup(place, "latest", seal=Seal(identities=[identity])), target)
    assert await contents(target) == await contents(source)


async def test_without_the_key_the_hashes_can_still_be_checked(
    source: Database, target: Database, tmp_path: Path, identity: str
) -> None:
    place = open_place(str(tmp_path / "backups"))
    made = await create_backup(source, place, BackupOptions(seal=Seal([public(identity)])))

    report = await verify_backup(open_backup(place, made.name))

    assert report.ok
    assert report.sealed
    with pytest.raises(BackupError, match="no key to open it"):
        await restore_backup(open_backup(place, made.name), target)
    other = Seal(identities=[str(pyrage.x25519.Identity.generate())])
    with pytest.raises(CorruptBackup, match="cannot be decrypted"):
        await restore_backup(open_backup(place, made.name, seal=other), target)
    assert await target.list_collection_names() == []


async def test_encrypted_files_that_are_damaged(source: Database, tmp_path: Path, identity: str) -> None:
    place = open_place(str(tmp_path / "backups"))
    made = await create_backup(source, place, BackupOptions(seal=Seal([public(identity)]), gzip=False))
    file = tmp_path / "backups" / made.name / source.name / "Post.bson.age"
    stored = bytearray(file.read_bytes())
    stored[len(stored) // 2] ^= 1
    file.write_bytes(stored)

    for seal in (None, Seal(identities=[identity])):
        (problem,) = (await verify_backup(open_backup(place, made.name, seal=seal))).problems
        assert (problem.file, problem.offset) == (f"{source.name}/Post.bson.age", 0)
    (tmp_path / "backups" / made.name / MANIFEST).unlink()
    (unhashed,) = (await verify_backup(open_backup(place, made.name, seal=Seal(identities=[identity])))).problems
    assert "cannot be decrypted" in unhashed.message


@pytest.mark.parametrize(("recipients", "identities"), [(["age1nope"], []), ([], ["AGE-SECRET-KEY-1SECRET"])])
def test_keys_that_are_none(recipients: list[str], identities: list[str]) -> None:
    with pytest.raises(BackupError, match="of age") as told:
        Seal(recipients, identities)

    assert "SECRET-KEY-1SECRET" not in str(told.value)
    assert told.value.__cause__ is None
