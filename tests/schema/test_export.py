"""The exported index and validator files: what they say, and that those in the repository are fresh."""

import json
from pathlib import Path

import pytest
from bson import json_util

from docstore.models import ALL, Post, Tag
from docstore.schema import export_indexes, exported_files, exported_validators, stale_exports, validator_of
from docstore.store import SYSTEM_MODELS

EXPORTED = Path(__file__).parents[2] / "indexes"


@pytest.mark.parametrize(
    ("folder", "files", "command"),
    [
        ("mongodb", exported_files, "docstore indexes export"),
        ("validators", exported_validators, "docstore schema validators export"),
    ],
)
def test_the_files_of_the_repository_are_fresh(folder: str, files: object, command: str) -> None:
    stale = stale_exports(EXPORTED / folder, (*ALL, *SYSTEM_MODELS), files)  # type: ignore[arg-type]
    assert stale == [], f"run `{command}`"


def test_export_writes_once_and_removes_what_belongs_to_no_model(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "mongodb"

    assert export_indexes(target, [Post, Tag]) == ["Post.json", "Tag.json"]
    assert export_indexes(target, [Post, Tag]) == []
    assert export_indexes(target, [Tag]) == ["Post.json"]
    assert [path.name for path in target.iterdir()] == ["Tag.json"]


def test_a_changed_file_is_stale(tmp_path: Path) -> None:
    export_indexes(tmp_path, [Tag])
    (tmp_path / "Tag.json").write_text("{}", encoding="utf-8")

    assert stale_exports(tmp_path, [Tag]) == ["Tag.json"]
    assert stale_exports(tmp_path / "nowhere", [Tag]) == ["Tag.json"]


def test_a_file_names_keys_in_order_options_and_the_query_served(tmp_path: Path) -> None:
    export_indexes(tmp_path, [Post])

    content = json.loads((tmp_path / "Post.json").read_text(encoding="utf-8"))
    by_name = {each["name"]: each for each in content["indexes"]}
    listing = by_name["ix_status_contentType_publishDate_desc__id_desc"]
    assert content["collection"] == "Post"
    assert list(listing["key"].items()) == [("status", 1), ("contentType", 1), ("publishDate", -1), ("_id", -1)]
    assert listing["serves"] == "published posts of a type, newest first"
    (address,) = (each for each in content["indexes"] if each.get("unique"))
    assert address["key"] == {"postUrl": 1}
    assert address["partialFilterExpression"]["deletedAt"] is None


def test_a_validator_file_holds_what_a_server_takes() -> None:
    content = exported_validators([Post])["Post.json"]

    assert json_util.loads(content) == {"collection": "Post", "validator": validator_of(Post)}
    assert content.replace("\n", "").isprintable()
