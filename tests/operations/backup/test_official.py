"""The official tools, where they are at hand, and the library that they are built on.

``mongorestore`` and ``mongodump`` are looked for on PATH. With DOCSTORE_TEST_GO=1 a small reader is built of the
official Go driver (which takes a minute, and the module proxy): it reads names, metadata and data by the calls that
mongorestore makes for it.
"""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from tests.databases import drop_database
from tests.operations.backup.conftest import Database, contents

from docstore.operations.backup import (
    BackupOptions,
    Place,
    RestoreOptions,
    create_backup,
    open_backup,
    restore_backup,
    verify_backup,
)
from docstore.settings import Settings

pytestmark = pytest.mark.mongotools

READER = Path(__file__).parent / "official_reader"


async def run(*command: str, cwd: Path | None = None) -> str:
    """Run a program; its output."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2000:]
    return out.decode()


@pytest.mark.skipif(not os.environ.get("DOCSTORE_TEST_GO"), reason="DOCSTORE_TEST_GO is not set")
@pytest.mark.skipif(shutil.which("go") is None, reason="go is not on PATH")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("gzip", [True, False])
async def test_the_official_library_reads_our_dump(
    source: Database, place: Place, tmp_path_factory: pytest.TempPathFactory, gzip: bool
) -> None:
    reader = tmp_path_factory.getbasetemp() / "dumpreader"
    if not reader.exists():
        await run("go", "build", "-o", str(reader), ".", cwd=READER)
    made = await create_backup(source, place, BackupOptions(gzip=gzip))

    said = json.loads(await run(str(reader), str(Path(place.told) / made.name)))

    before = await contents(source)
    assert {name: each["documents"] for name, each in said.items()} == {
        name: len(documents) for name, (_, _, _, documents) in before.items()
    }
    assert {name: each["type"] for name, each in said.items()} == {name: kind for name, (kind, *_) in before.items()}
    assert {name: set(each["options"]) for name, each in said.items()} == {
        name: set(options) for name, (_, options, *_) in before.items()
    }
    assert set(said["Post"]["indexes"]) == {"_id_", "uq_title", "ix_n_views"}


@pytest.mark.skipif(shutil.which("mongorestore") is None, reason="mongorestore is not on PATH")
@pytest.mark.parametrize("gzip", [True, False])
async def test_mongorestore_reads_our_backup(
    client: AsyncMongoClient[dict[str, Any]], settings: Settings, source: Database, place: Place, gzip: bool
) -> None:
    before = await contents(source)
    made = await create_backup(source, place, BackupOptions(gzip=gzip))
    await drop_database(client, source.name)
    flags = ["--gzip"] if gzip else []

    await run("mongorestore", f"--uri={settings.mongo_uri.get_secret_value()}", *flags, f"{place.told}/{made.name}")

    assert await contents(source) == before


@pytest.mark.skipif(shutil.which("mongodump") is None, reason="mongodump is not on PATH")
@pytest.mark.parametrize("gzip", [True, False])
async def test_we_read_what_mongodump_wrote(
    settings: Settings, source: Database, target: Database, place: Place, gzip: bool
) -> None:
    flags = ["--gzip"] if gzip else []
    uri = settings.mongo_uri.get_secret_value()
    await run("mongodump", f"--uri={uri}", f"--db={source.name}", *flags, f"--out={place.told}/dump")

    backup = open_backup(place, "dump")
    assert (await verify_backup(backup)).ok
    await restore_backup(backup, target, RestoreOptions())

    assert await contents(target) == await contents(source)
