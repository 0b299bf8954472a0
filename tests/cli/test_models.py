"""Which document classes a command works with: MODELS, `--models`, and what can be wrong with them."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from docstore import models as own_models
from docstore.cli.invocation import Invocation
from docstore.errors import SettingsError
from docstore.settings import Settings

Run = Callable[..., Result]

MODULE = """
from typing import ClassVar

from docstore.documents import Document, index


class Boat(Document):
    length: float

    indexes: ClassVar = (index("length", serves="boats by length"),)


ALL = (Boat,)
EMPTY = ()
MIXED = (Boat, int)
WORD = "Boat"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: None) -> Iterator[str]:
    """A project of its own with a package of models; the current directory."""
    name = f"harbour_{tmp_path.name.replace('-', '_')}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "models.py").write_text(MODULE)
    (tmp_path / name / "broken.py").write_text("import no_such_library\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield name
    for module in [each for each in sys.modules if each.startswith(name)]:
        del sys.modules[module]


def test_docstores_own_are_the_default(environment: None) -> None:
    assert Invocation().models() == own_models.ALL


def test_the_setting_and_the_option_name_others(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.__name__ for each in Invocation(models_at=f"{project}.models:ALL").models()] == ["Boat"]

    monkeypatch.setenv("MODELS", f"{project}.models:ALL")
    assert [each.__name__ for each in Invocation().models()] == ["Boat"]
    assert Invocation(models_at="docstore.models:BLOG").models() == own_models.BLOG


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("{}.models:FLEET", "has no FLEET"),
        ("{}.models:EMPTY", "which is empty"),
        ("{}.models:MIXED", "holds int"),
        ("{}.models:WORD", "a str"),
        ("{}.boats:ALL", "does not exist"),
        ("{}.broken:ALL", "cannot be imported: ModuleNotFoundError"),
        ("{}.models", "must be package.module:NAME"),
        ("{}/models.py:ALL", "must be package.module:NAME"),
    ],
)
def test_what_cannot_be_loaded_is_told(project: str, at: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        Invocation(models_at=at.format(project)).models()

    assert caught.value.field == "MODELS"


def test_commands_work_with_them(run: Run, deployment: Settings, project: str) -> None:
    chosen = ("--models", f"{project}.models:ALL")

    status = json.loads(run(*chosen, "indexes", "status", "--json").stdout)
    exported = run(*chosen, "indexes", "export", "files")
    audit = run(*chosen, "audit", "verify")
    wrong = run("--models", "no.such:THING", "indexes", "status")

    named = {each["name"] for each in status["indexes"] if each["collection"] == "Boat"}
    assert named == {"ix_length"}
    assert "Post" not in {each["collection"] for each in status["indexes"]}
    assert exported.exit_code == 0
    assert Path("files/Boat.json").is_file()
    assert audit.exit_code == 0
    assert wrong.exit_code == 1
    assert "MODELS names the module no.such, which does not exist" in wrong.stderr
