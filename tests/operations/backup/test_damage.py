"""Damage: cut off, flipped, swapped, missing; with a manifest and without. It is named with file and offset."""

import gzip
import json
import random
import shutil
from pathlib import Path
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operations.backup.conftest import Database

from docstore.errors import BackupError, CorruptBackup
from docstore.operations.backup import Place, VerifyReport, create_backup, open_backup, open_place, verify_backup
from docstore.operations.backup.files import BLOCK_BYTES, BlockHash, DumpReader, DumpWriter
from docstore.operations.backup.framing import Framer, count_documents
from docstore.operations.backup.manifest import CollectionEntry, Manifest

DOCUMENTS = st.lists(
    st.dictionaries(st.text("abc", max_size=3), st.binary(max_size=40) | st.integers(0, 9)), max_size=20
)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of a small backup, made without a server."""
    return write_backup(tmp_path / "backups", gzipped=True)


def write_backup(root: Path, *, gzipped: bool, documents: int = 300) -> Path:
    """A backup of one collection `Post` of the database `shop`."""
    from datetime import UTC, datetime

    place = open_place(str(root))
    folder = place.begin("one")
    suffix, level = (".gz", 6) if gzipped else ("", None)
    metadata = DumpWriter(place, folder, f"shop/Post.metadata.json{suffix}", gzip=level, seal=None)
    metadata.write(b'{"indexes":[],"collectionName":"Post","type":"collection"}')
    data = DumpWriter(place, folder, f"shop/Post.bson{suffix}", gzip=level, seal=None)
    noise = random.Random(1)
    data.write(b"".join(bson.encode({"_id": number, "x": noise.randbytes(30)}) for number in range(documents)))
    entry = CollectionEntry("Post", "collection", documents, 0, metadata.finish(), data.finish())
    now = datetime.now(UTC)
    manifest = Manifest("id1", "shop", now, now, "0", "8", gzipped, False, (1, 1), (entry,))
    file = place.write(f"{folder}/docstore-manifest.json")
    file.write(manifest.to_json())
    file.close()
    place.commit(folder, "one")
    return root / "one"


async def verified(folder: Path) -> VerifyReport:
    return await verify_backup(open_backup(open_place(str(folder.parent)), folder.name))


def data_file(folder: Path) -> Path:
    return next(folder.rglob("Post.bson*"))


async def test_a_sound_backup(made: Path) -> None:
    report = await verified(made)

    assert report.ok
    assert report.counts == {"Post": 300}


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), gzipped=st.booleans(), manifest=st.booleans())
async def test_cut_off_anywhere(tmp_path_factory: Any, share: float, gzipped: bool, manifest: bool) -> None:
    folder = write_backup(tmp_path_factory.mktemp("cut"), gzipped=gzipped)
    file = data_file(folder)
    whole = file.read_bytes()
    length = int(len(whole) * share)
    file.write_bytes(whole[:length])
    if not manifest:
        (folder / "docstore-manifest.json").unlink()
        if not gzipped and is_between_documents(whole, length):
            return  # mongodump's own files cannot show it
    report = await verified(folder)

    assert [each.file for each in report.problems] == [f"shop/{file.name}"]
    assert report.problems[0].offset is not None
    assert report.problems[0].offset <= length


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), gzipped=st.booleans())
async def test_one_bit_flipped_anywhere(tmp_path_factory: Any, share: float, bit: int, gzipped: bool) -> None:
    folder = write_backup(tmp_path_factory.mktemp("flip"), gzipped=gzipped)
    file = data_file(folder)
    stored = bytearray(file.read_bytes())
    at = int(len(stored) * share)
    stored[at] ^= 1 << bit
    file.write_bytes(stored)

    (problem,) = (await verified(folder)).problems

    assert problem.file == f"shop/{file.name}"
    assert problem.offset is not None


async def test_damage_that_leaves_the_format_whole_is_located_by_blocks(tmp_path: Path) -> None:
    place = open_place(str(tmp_path))
    writer = DumpWriter(place, ".", "x.bson", gzip=None, seal=None)
    for _ in range(5):
        writer.write(b"\0" * (BLOCK_BYTES // 2))
    entry = writer.finish()
    assert len(entry.blocks) == 3
    with (tmp_path / "x.bson").open("r+b") as file:
        file.seek(BLOCK_BYTES + 5)
        file.write(b"!")

    with DumpReader(place, ".", "x.bson", gzip=False, seal=None) as reader, pytest.raises(CorruptBackup) as corrupt:
        reader.expect(entry)

    assert corrupt.value.offset == BLOCK_BYTES
    assert f"between byte {BLOCK_BYTES} and byte {2 * BLOCK_BYTES}" in corrupt.value.message


async def test_missing_added_and_swapped_files_are_named(made: Path) -> None:
    shutil.copy(made / "shop" / "Post.bson.gz", made / "shop" / "Tag.bson.gz")
    (made / "shop" / "Post.metadata.json.gz").unlink()
    (made / "README.txt").write_text("no tool reads this")

    report = await verified(made)

    assert {each.file: each.message for each in report.problems} == {
        "shop/Post.metadata.json.gz": "shop/Post.metadata.json.gz is missing.",
        "shop/Tag.bson.gz": "shop/Tag.bson.gz is not in the manifest: the backup did not write it.",
    }


async def test_metadata_of_nonsense(made: Path) -> None:
    (made / "docstore-manifest.json").unlink()
    (made / "shop" / "Post.metadata.json.gz").write_bytes(gzip.compress(b'{"indexes": 7'))

    (problem,) = (await verified(made)).problems

    assert problem.file == "shop/Post.metadata.json.gz"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: b"{}",
        lambda text: b"\xff\xfe",
        lambda text: text.replace(b'"format": 1', b'"format": 99'),
        lambda text: text.replace(b"shop/Post.bson", b"../../Post.bson"),
        lambda text: text.replace(b'"blocks"', b'"bricks"'),
    ],
)
def test_a_damaged_manifest_is_no_manifest(made: Path, spoil: Any) -> None:
    file = made / "docstore-manifest.json"
    file.write_bytes(spoil(file.read_bytes()))

    with pytest.raises(CorruptBackup, match=r"docstore-manifest\.json"):
        open_backup(open_place(str(made.parent)), "one")


async def test_counts_are_held_against_the_manifest(made: Path) -> None:
    file = made / "docstore-manifest.json"
    said = json.loads(file.read_text())
    said["collections"][0]["documents"] = 301
    file.write_text(json.dumps(said))

    (problem,) = (await verified(made)).problems

    assert problem.message == "shop/Post.bson.gz holds 300 documents; the manifest says 301."


@pytest.mark.parametrize("name", ["../one", "/etc", "a/../../b"])
def test_names_do_not_lead_out_of_the_place(made: Path, name: str) -> None:
    with pytest.raises(BackupError, match="leads out of"):
        open_backup(open_place(str(made.parent)), name)


@given(documents=DOCUMENTS, cuts=st.lists(st.integers(0, 2000), max_size=10))
def test_framing_gives_back_every_document_however_the_stream_is_cut(
    documents: list[dict[str, Any]], cuts: list[int]
) -> None:
    whole = [bson.encode(each) for each in documents]
    stream = b"".join(whole)
    framer, at, found = Framer("x.bson"), 0, []
    for cut in [*sorted(cuts), len(stream)]:
        found += framer.feed(stream[at:cut])
        at = max(at, cut)
    framer.finish()

    assert found == whole
    assert framer.documents == count_documents(stream) == len(whole)
    assert framer.offset == len(stream)


@given(pieces=st.lists(st.binary(max_size=50), max_size=8))
def test_block_hashes_do_not_depend_on_the_pieces(pieces: list[bytes]) -> None:
    apart, together = BlockHash(), BlockHash()
    for piece in pieces:
        apart.update(piece)
    together.update(b"".join(pieces))

    assert (apart.sha256(), apart.blocks(), apart.bytes) == (together.sha256(), together.blocks(), together.bytes)


@pytest.mark.parametrize(
    ("stream", "offset", "told"),
    [
        (b"\x05\0\0\0\0" + b"\x04\0\0\0\0", 5, "claims to be 4 bytes long"),
        (b"\xff\xff\xff\x7f\0", 0, "claims to be 2147483647 bytes long"),
        (b"\x05\0\0\0\0" + b"\x05\0\0\0\x01", 5, "does not end where its length says"),
    ],
)
def test_frames_that_cannot_be(stream: bytes, offset: int, told: str) -> None:
    with pytest.raises(CorruptBackup, match=told) as corrupt:
        Framer("x.bson").feed(stream)

    assert (corrupt.value.file, corrupt.value.offset) == ("x.bson", offset)


async def test_a_full_disk_leaves_nothing(
    source: Database, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DumpWriter, "write", full)
    with pytest.raises(BackupError, match="No space left on device"):
        await create_backup(source, place)

    assert list((tmp_path / "backups").iterdir()) == []


def is_between_documents(whole: bytes, length: int) -> bool:
    at = 0
    while at < length:
        at += int.from_bytes(whole[at : at + 4], "little")
    return at == length
