"""The format is mongodump's: its rules for names and metadata, read in the tools' sources, as tests."""

import gzip
import json
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import json_util
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st
from pymongo import AsyncMongoClient
from tests.operations.backup.conftest import Database, contents

from docstore.errors import BackupError, CorruptBackup
from docstore.operations.backup import BackupOptions, Place, create_backup, open_backup, restore_backup, verify_backup
from docstore.operations.backup.catalog import CollectionSpec
from docstore.operations.backup.naming import Kind, file_name, file_stem, is_dumped, taken_apart

# The name and its file's that the tools' own tests use.
LONG_END = "LongCollectionNameConsistingOfExactlyTwoHundredAndFortySevenCharacters"
LONG = "a" + "Very" * ((247 - 1 - len(LONG_END)) // 4) + LONG_END


@pytest.mark.parametrize(
    ("collection", "stem"),
    [
        ("Post", "Post"),
        ("café", "caf%C3%A9"),
        ("a/b", "a%2Fb"),
        ("a b?c;d,e", "a%20b%3Fc%3Bd%2Ce"),
        ("a$b&c+d=e:f@g~h.i-j_k", "a$b&c+d=e:f@g~h.i-j_k"),  # what Go's PathEscape leaves alone
        ("100%", "100%25"),
        (LONG, LONG[:208] + "%24xFO0VquRn7cg3QooSZD5sglTddU"),
    ],
)
def test_file_names(collection: str, stem: str) -> None:
    assert file_stem(collection) == stem
    taken = taken_apart(file_name(collection, Kind.DATA, gzip=True))
    assert taken is not None
    assert taken.collection == (None if collection == LONG else collection)


@given(st.text(min_size=1, max_size=80).filter(lambda text: "\0" not in text and text.isprintable()))
def test_every_name_comes_back(collection: str) -> None:
    for kind in Kind:
        taken = taken_apart(file_name(collection, kind, gzip=False, sealed=True))
        assert taken is not None
        assert (taken.kind, taken.gzip, taken.sealed) == (kind, False, True)
        assert taken.collection in (collection, None)


@pytest.mark.parametrize(
    ("collection", "dumped"),
    [("Post", True), ("system.js", True), ("system.views", False), ("system.buckets.T", False), ("a$b", False)],
)
def test_which_collections_are_dumped(collection: str, dumped: bool) -> None:
    assert is_dumped(collection) is dumped


async def test_files_and_metadata(source: Database, place: Place) -> None:
    made = await create_backup(source, place, BackupOptions(gzip=False))
    folder = Path(place.told) / made.name

    names = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    assert names == {
        "docstore-manifest.json",
        "prelude.json",
        *(f"{source.name}/{stem}.metadata.json" for stem in ("Busy", "Post", "Types", "Checked", "Ring", "Empty")),
        *(f"{source.name}/{stem}.bson" for stem in ("Post", "Types", "Checked", "Ring", "Empty")),
        f"{source.name}/odd%2Fn%C3%A4me:%201.bson",
        f"{source.name}/odd%2Fn%C3%A4me:%201.metadata.json",
    }
    # mongorestore takes every folder of the root for a database, so there must be no other.
    assert [each.name for each in folder.iterdir() if each.is_dir()] == [source.name]
    prelude = json.loads((folder / "prelude.json").read_text())
    assert set(prelude) == {"ServerVersion", "ToolVersion"}
    assert all(isinstance(each, str) for each in prelude.values())  # read into a map of strings


async def test_metadata_is_canonical_extended_json(source: Database, place: Place) -> None:
    made = await create_backup(source, place, BackupOptions(gzip=False))
    folder = Path(place.told) / made.name / source.name

    post = json.loads((folder / "Post.metadata.json").read_text())
    assert list(post) == ["indexes", "uuid", "collectionName", "type"]  # no options: left out, as by omitempty
    assert (post["collectionName"], post["type"]) == ("Post", "collection")
    assert len(post["uuid"]) == 32
    assert int(post["uuid"], 16)
    indexes = {each["name"]: each for each in post["indexes"]}
    assert indexes["_id_"] == {"v": {"$numberInt": "2"}, "key": {"_id": {"$numberInt": "1"}}, "name": "_id_"}
    assert indexes["uq_title"]["unique"] is True
    assert list(indexes["ix_n_views"]["key"].items()) == [("n", {"$numberInt": "1"}), ("views", {"$numberInt": "-1"})]
    assert indexes["ix_n_views"]["partialFilterExpression"] == {"n": {"$gt": {"$numberInt": "1"}}}
    checked = json.loads((folder / "Checked.metadata.json").read_text())
    minimum = checked["options"]["validator"]["$jsonSchema"]["properties"]["n"]["minimum"]
    assert minimum == {"$numberDouble": "1.5"}
    view = json.loads((folder / "Busy.metadata.json").read_text())
    assert (view["type"], view["indexes"], view["options"]["viewOn"]) == ("view", [], "Post")
    ring = json.loads((folder / "Ring.metadata.json").read_text())
    assert ring["options"]["capped"] is True


async def test_data_are_the_documents_one_after_the_other(source: Database, place: Place) -> None:
    made = await create_backup(source, place)
    file = Path(place.told) / made.name / source.name / "Types.bson.gz"

    (document,) = bson.decode_all(gzip.decompress(file.read_bytes()))

    assert document == await source["Types"].find_one()
    assert isinstance(document["list"][1]["a"], Int64)


TIME_SERIES = (
    b'{"options":{"timeseries":{"timeField":"ts","metaField":"meta","granularity":"seconds","bucketMaxSpanSeconds":'
    b'{"$numberInt":"3600"}}},"indexes":[{"v":{"$numberInt":"2"},"key":{"meta.device":{"$numberInt":"1"}},"name":'
    b'"meta.device_1"}],"collectionName":"Measured","type":"timeseries"}'
)


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        (TIME_SERIES, "Measured", "timeseries"),
        (b'{"options":{},"indexes":[]}', "Old", "collection"),  # tools of old wrote no name
        (b'{"options":{"viewOn":"Post","pipeline":[]},"indexes":[],"collectionName":"V"}', "V", "view"),
        (b"", "Old", "collection"),
    ],
)
def test_metadata_of_other_tools(text: bytes, name: str, kind: str) -> None:
    spec = CollectionSpec.from_metadata(text, file="x", name="Old")

    assert (spec.name, spec.kind) == (name, kind)
    assert spec.is_view is (kind == "view")
    assert spec.is_time_series is (kind == "timeseries")


def test_metadata_comes_back_as_it_was() -> None:
    spec = CollectionSpec.from_metadata(TIME_SERIES, file="x")

    assert json_util.loads(spec.to_metadata()) == json_util.loads(TIME_SERIES)


@pytest.mark.parametrize("zipped", [True, False])
async def test_a_dump_by_mongodump(
    client: AsyncMongoClient[dict[str, Any]], target: Database, place: Place, tmp_path: Path, zipped: bool
) -> None:
    """Laid out by hand as the tool does it, an oplog and what it dumps of other databases included."""
    write = (lambda data: gzip.compress(data)) if zipped else (lambda data: data)
    end = ".gz" if zipped else ""
    folder = tmp_path / "backups" / "dump"
    (folder / "shop").mkdir(parents=True)
    (folder / "admin").mkdir()
    (folder / "oplog.bson").write_bytes(bson.encode({"op": "n"}))
    (folder / "admin" / f"system.version.bson{end}").write_bytes(write(bson.encode({"_id": "v"})))
    files = {
        "Post.bson": b"".join(bson.encode({"_id": number, "n": Int64(number)}) for number in range(50)),
        "Post.metadata.json": (
            b'{"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_","ns":"shop.Post"},'
            b'{"v":{"$numberInt":"2"},"unique":true,"key":{"n":{"$numberDouble":"1.0"}},"name":"n_1",'
            b'"background":true,"ns":"shop.Post"}],"uuid":"c478470ca1a44fb5bd64ffb960ebf1c3","collectionName":"Post"}'
        ),
        "caf%C3%A9.bson": bson.encode({"_id": 1}),
        "Busy.metadata.json": (
            b'{"options":{"viewOn":"Post","pipeline":[]},"indexes":[],"collectionName":"Busy","type":"view"}'
        ),
        "$admin.system.users.bson": bson.encode({"_id": "shop.me"}),
    }
    for name, data in files.items():
        (folder / "shop" / f"{name}{end}").write_bytes(write(data))

    with pytest.raises(BackupError, match="several databases: admin, shop"):
        open_backup(place, "dump")
    backup = open_backup(place, "dump", database="shop")
    report = await restore_backup(backup, target)

    found = await contents(target)
    assert set(found) == {"Post", "café", "Busy"}
    assert len(found["Post"][3]) == 50
    assert await target["Busy"].count_documents({}) == 50
    assert any("oplog.bson is not replayed" in note for note in report.notes)
    assert (await target["Post"].index_information())["n_1"]["unique"]
    alone = open_backup(place, "dump/shop")
    assert (alone.database, set(alone.files)) == ("shop", {f"{name}{end}" for name in files if "$" not in name})
    assert (await verify_backup(alone)).ok


async def test_a_name_too_long_for_a_file_stands_in_the_metadata(
    client: AsyncMongoClient[dict[str, Any]], source: Database, target: Database, place: Place
) -> None:
    name = "lång" * 45
    await source[name].insert_one({"_id": 1})
    made = await create_backup(source, place)
    (Path(place.told) / made.name / "docstore-manifest.json").unlink()

    backup = open_backup(place, made.name)
    await restore_backup(backup, target)

    assert file_stem(name) in {each.name.stem for each in backup.files.values()}
    assert await target[name].find_one() == {"_id": 1}


def test_nonsense_is_told() -> None:
    for text in (b"[]", b"{", b'{"indexes":[{"key":1}]}', b'{"indexes":5,"collectionName":"x"}', b"\xff"):
        with pytest.raises(CorruptBackup, match=r"x\.metadata\.json"):
            CollectionSpec.from_metadata(text, file="x.metadata.json")
