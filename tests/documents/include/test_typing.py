"""A type checker knows what queries, pages, relations and cached functions lead to."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TYPED = (Path(__file__).with_name("typed.py"), ROOT / "tests/cache/typed_decorator.py")


@pytest.mark.slow
def test_what_an_editor_knows(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), *map(str, TYPED)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"MYPYPATH": str(ROOT / "src"), "PATH": ""},
        timeout=170,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
