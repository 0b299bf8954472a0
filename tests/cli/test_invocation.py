"""How work is run and how its errors are told."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from click.testing import Result

from docstore.cli.invocation import Invocation
from docstore.cli.stopping import stopped_by_signals
from docstore.errors import ServerUnavailable

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("run")  # restores what a run does to logging


def code_of(invocation: Invocation, work: object) -> int:
    with pytest.raises(typer.Exit) as caught:
        invocation.run(work)  # type: ignore[arg-type]
    return caught.value.exit_code


async def unavailable() -> int:
    raise ServerUnavailable("Redis does not answer.", hint="Start it [bold].")


async def broken() -> int:
    raise ZeroDivisionError("by zero")


async def grouped() -> int:
    raise ExceptionGroup("tasks", [ExceptionGroup("inner", [ServerUnavailable("Kafka is away.")])])


async def interrupted() -> int:
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(10)
    return 0


async def terminated() -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(10)
    return 0


def test_a_known_error_is_a_sentence_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(Invocation(), unavailable) == 1

    out, err = capsys.readouterr()
    assert (out, err) == ("", "Error: Redis does not answer.\nStart it [bold].\n")


def test_a_known_error_as_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(Invocation(json=True), unavailable) == 1

    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "ok": False,
        "error": {"code": "server_unavailable", "message": "Redis does not answer.", "hint": "Start it [bold]."},
    }
    assert err == ""


def test_an_unexpected_error_has_a_traceback_in_debug_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(Invocation(), broken) == 1
    plain = capsys.readouterr().err
    assert code_of(Invocation(debug=True), broken) == 1
    debug = capsys.readouterr().err

    assert "unexpected ZeroDivisionError: by zero" in plain
    assert "Traceback" not in plain
    assert "Traceback" in debug


def test_an_error_inside_groups_is_told_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(Invocation(), grouped) == 1

    assert capsys.readouterr().err == "Error: Kafka is away.\n"


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_ends_what_wants_to_finish(
    sign: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    invocation = Invocation()

    async def never_through() -> int:
        stop = stopped_by_signals(invocation)
        os.kill(os.getpid(), sign)
        await stop.wait()
        os.kill(os.getpid(), sign)
        await asyncio.sleep(10)
        return 0

    assert code_of(invocation, never_through) == code
    assert "Finishing what is at work" in capsys.readouterr().err


@pytest.mark.parametrize(("work", "code"), [(interrupted, 130), (terminated, 143)])
def test_signals_end_it_cleanly(work: object, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(Invocation(), work) == code

    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_env_file_is_told(run: Run, tmp_path: Path) -> None:
    result = run("--env-file", str(tmp_path / "none.env"), "doctor")

    assert result.exit_code == 1
    assert "does not exist" in result.stderr


def test_json_counts_before_and_after_the_command(run: Run) -> None:
    for arguments in (["--json", "seed", "--only", "Nope"], ["seed", "--only", "Nope", "--json"]):
        os.environ["DB_METHOD"] = "PRODUCTION"
        try:
            result = run(*arguments)
        finally:
            del os.environ["DB_METHOD"]
        assert json.loads(result.stdout)["error"]["code"] == "settings"
