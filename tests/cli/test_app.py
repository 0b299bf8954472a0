"""The command as a whole: what it is called with, and what it costs to ask for little."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result

from docstore._version import __version__

Run = Callable[..., Result]


def test_version_loads_no_driver() -> None:
    code = (
        "import sys\n"
        "from docstore.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit as end: assert end.code in (0, None), end.code\n"
        "heavy = {'beanie', 'pymongo', 'pydantic', 'aiokafka', 'algoliasearch', 'redis', 'secantus'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [f"docstore {__version__}", "[]"]


def test_without_arguments_it_shows_its_commands(run: Run) -> None:
    result = run()

    assert all(command in result.output for command in ("demo", "up", "doctor", "seed", "indexes"))


@pytest.mark.parametrize("arguments", [["bogus"], ["seed", "--scale", "many"], ["seed", "--scale", "-1"], ["up", "-x"]])
def test_wrong_usage_exits_with_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_completion_can_be_shown(run: Run) -> None:
    assert "--show-completion" in run("--help").stdout
