"""Changing an env file: the lines that are meant, and no others, in one step."""

import stat
from pathlib import Path

import pytest

from docstore.errors import SettingsError
from docstore.operations.branches import write_settings

FILE = """\
# settings
export DB_METHOD=LOCAL   # which
#DATABASE_BRANCH=old
DATABASE_NAME = shop
db_method=TWICE
"""


def test_lines_are_replaced_added_and_taken_out(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(FILE)
    file.chmod(0o640)

    write_settings(file, {"DB_METHOD": "BRANCH", "DATABASE_BRANCH": "x", "DATABASE_NAME": None})

    assert file.read_text() == "# settings\nDB_METHOD=BRANCH\n#DATABASE_BRANCH=old\nDATABASE_BRANCH=x\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [each.name for each in tmp_path.iterdir()] == [".env"]


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"

    write_settings(file, {"A": "1"})

    assert file.read_text() == "A=1\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_goes_on_being_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("A=1\n")
    (tmp_path / ".env").symlink_to(tmp_path / "real")

    write_settings(tmp_path / ".env", {"A": "2"})

    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real").read_text() == "A=2\n"


def test_what_cannot_be_changed_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be changed"):
        write_settings(tmp_path / ".env", {"A": "1"})
    with pytest.raises(SettingsError, match="cannot be changed"):
        write_settings(tmp_path / "no" / ".env", {"A": "1"})
