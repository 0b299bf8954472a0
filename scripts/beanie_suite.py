"""Run Beanie's own tests on docstore's base class and on Beanie's, and print where they differ.

    python scripts/beanie_suite.py CHECKOUT [--mongodb URL] [--strict] [--no-audit] [--camel] [-- pytest arguments]

CHECKOUT is a checkout of https://github.com/BeanieODM/beanie at the installed version: its `tests/odm` is run. Without
`--mongodb` an embedded server is started. The tests are taken as they are; a pytest plugin (this file) puts
`docstore.Document` in the place of `beanie.Document`, and docstore's `init_beanie` in that of Beanie's, before they
are imported.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

_SWAP = "DOCSTORE_BEANIE_SUITE"
_CANNOT_CREATE_INDEX = 67
_HERE = Path(__file__).resolve()


@dataclass(frozen=True)
class Outcome:
    """What became of one test."""

    passed: bool
    reason: str


def main(arguments: list[str]) -> int:
    """Run the suite twice and compare; returns 1 when a test passes on Beanie alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--mongodb", default=os.environ.get("MONGODB_DSN"), help="address of a replica set to use")
    parser.add_argument("--strict", action="store_true", help="with strict filters, docstore's default")
    parser.add_argument("--no-audit", action="store_true", help="without audit entries")
    parser.add_argument("--camel", action="store_true", help="with docstore's camelCase names, not the declared ones")
    parser.add_argument("pytest", nargs="*", help="further arguments to pytest, after --")
    given = parser.parse_args(arguments)
    swap = ",".join(name for name in ("strict", "no_audit", "camel") if getattr(given, name)) or "on"
    if given.mongodb:
        return _compare(given.checkout, given.mongodb, swap, given.pytest)
    return asyncio.run(_embedded(given.checkout, swap, given.pytest))


async def _embedded(checkout: Path, swap: str, more: list[str]) -> int:
    from docstore.embedded import EmbeddedServers

    async with EmbeddedServers(redis="fake", durable=False) as servers:
        address = str(servers.settings_overrides()["database_url_local"])
        return await asyncio.to_thread(_compare, checkout, address, swap, more)


def _compare(checkout: Path, address: str, swap: str, more: list[str]) -> int:
    control = _run(checkout, address, "", more)
    ours = _run(checkout, address, swap, more)
    kinds: Counter[str] = Counter()
    worse = []
    for name, outcome in sorted(ours.items()):
        before = control.get(name, Outcome(False, "not run"))
        here, there = ("passes" if each.passed else "fails" for each in (outcome, before))
        kinds[f"{there} on Beanie, {here} on docstore"] += 1
        if before.passed and not outcome.passed:
            worse.append(f"{name}\n    {outcome.reason}")
    print("\n".join(worse))
    for kind, count in sorted(kinds.items()):
        print(f"{count:5}  {kind}")
    return 1 if worse else 0


def _run(checkout: Path, address: str, swap: str, more: list[str]) -> dict[str, Outcome]:
    name = f"beanie_suite_{'docstore' if swap else 'beanie'}_{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        environment = os.environ | {_SWAP: swap, "MONGODB_DSN": address, "MONGODB_DB_NAME": name}
        environment["PYTHONPATH"] = os.pathsep.join([str(_HERE.parent), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short", "-p", _HERE.stem]
        command += [*("-p", "no:randomly", "-p", "no:cacheprovider"), f"--junitxml={report}", *(more or ["tests/odm"])]
        print(f"running {' '.join(more or ['tests/odm'])} on {'docstore' if swap else 'Beanie'} …", file=sys.stderr)
        subprocess.run(command, cwd=checkout, env=environment, check=False, stdout=sys.stderr)
        return _outcomes(report)


def _outcomes(report: Path) -> dict[str, Outcome]:
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        bad = next((each for each in case if each.tag in ("failure", "error")), None)
        told = " ".join((bad.get("message") or "").split())[:300] if bad is not None else ""
        found[f"{case.get('classname')}::{case.get('name')}"] = Outcome(bad is None, told)
    return found


# The plugin


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Before any conftest or test module is imported: docstore's base class where the tests look for Beanie's."""
    if _SWAP not in os.environ:
        return
    _without_text_indexes()
    options = os.environ[_SWAP].split(",")
    if options != [""]:
        _swap(options)


def _without_text_indexes() -> None:
    # The embedded engine has none, and Beanie's tests declare some for every run: what it refuses is left out.
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.errors import OperationFailure

    create: Any = AsyncCollection.create_indexes

    async def tolerant(self: Any, indexes: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await create(self, indexes, *args, **kwargs)
        except OperationFailure as error:
            if error.code != _CANNOT_CREATE_INDEX:
                raise
            kept = [each for each in indexes if "text" not in each.document["key"].values()]
            return await create(self, kept, *args, **kwargs) if kept else []

    AsyncCollection.create_indexes = tolerant  # type: ignore[method-assign]  # for this process of tests


def _swap(options: list[str]) -> None:
    import beanie
    from beanie.odm.utils import init

    from docstore import documents
    from docstore.documents import from_beanie

    async def initialised(*args: Any, **kwargs: Any) -> None:
        kwargs |= {"strict_filters": "strict" in options, "audit": "no_audit" not in options}
        await from_beanie.init_beanie(*args, **kwargs)

    setattr(beanie, "Document", documents.Document if "camel" in options else from_beanie.Document)  # noqa: B010
    for module in (beanie, init):
        setattr(module, "init_beanie", initialised)  # noqa: B010 - mypy knows the module's own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
