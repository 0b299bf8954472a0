"""The door of the package: its names, what it costs to open, and that the changelog knows its version."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import docstore

ROOT = Path(__file__).parent.parent


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_every_name_of_the_door_is_there() -> None:
    for name in docstore.__all__:
        assert getattr(docstore, name) is not None
    assert set(dir(docstore)) >= set(docstore.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchName"):
        docstore.NoSuchName  # noqa: B018 - the access is the test


def test_heavy_clients_are_imported_when_they_are_used() -> None:
    loaded = run(
        "import sys, docstore; from docstore import Document, Settings, Store, acting_as, transaction; "
        "from docstore.models import Post; "
        "print([m for m in ('algoliasearch', 'aiokafka', 'secantus', 'confluent_kafka', 'fakeredis', 'motor') "
        "if m in sys.modules])"
    )
    assert loaded.strip() == "[]"


def test_the_door_itself_imports_next_to_nothing() -> None:
    loaded = run("import sys, docstore; print([m for m in ('beanie', 'pymongo', 'pydantic') if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_packages_hand_on_names_that_exist() -> None:
    packages = sorted((ROOT / "src" / "docstore").rglob("__init__.py"))
    assert len(packages) > 10
    for path in packages:
        parts = path.parent.relative_to(ROOT / "src").parts
        module = importlib.import_module(".".join(parts))
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_the_changelog_knows_the_version() -> None:
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert newest.group(1) == docstore.__version__
