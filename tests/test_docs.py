"""Every Python block of the README and of docs/ runs; every command they show exists."""

import ast
import inspect
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docstore.documents.transactions import use_client
from docstore.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"`docstore ([^`]+)`")
WITH_ANY = frozenset({"--help"})
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """The blocks of a language with the lines they start at."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        if found.group(1) == language:
            yield text.count("\n", 0, found.start()) + 1, found.group(3)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def deployment(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of a reader who has servers, in a folder of its own."""
    values = {
        "DB_METHOD": "LOCAL",
        "DATABASE_NAME": settings.database_name,
        "DATABASE_URL_LOCAL": settings.mongo_uri.get_secret_value(),
        "REDIS_URL": settings.redis_dsn.get_secret_value() if settings.redis_dsn else "",
        "KAFKA_SERVICE_URI": ",".join(settings.kafka_bootstrap),
        "ALGOLIA_HOSTS": ",".join(settings.algolia_host_urls),
        "ALGOLIA_APP_ID": "docstore-local",
        "ALGOLIA_WRITE_API_KEY": "local-write-key",
        "ALGOLIA_SEARCH_API_KEY": "local-search-key",
        "ALGOLIA_INDEX_PREFIX": settings.algolia_index_prefix,
    }
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    yield
    use_client(None)


@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page, "python"))], ids=name)
async def test_python_blocks_run(page: Path, deployment: None) -> None:
    module = types.ModuleType(f"docs_{page.stem}")
    sys.modules[module.__name__] = module
    try:
        for line, code in blocks(page, "python"):
            compiled = compile(
                "\n" * line + code, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
            )
            ran = eval(compiled, module.__dict__)
            if inspect.isawaitable(ran):
                await ran
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_shown_commands_exist(page: Path) -> None:
    shown = "\n".join(code for language in ("bash", "sh", "console") for _, code in blocks(page, language))
    for target in re.findall(r"^\s*(?:\$ )?make ([a-z-]+)", shown, re.M):
        assert target in MAKE_TARGETS
    inline = INLINE.findall(BLOCK.sub("", page.read_text()))
    for command in [
        *re.findall(r"^\s*(?:\$ )?docstore (.+)$", shown, re.M),
        *(each.replace("\n", " ") for each in inline),
    ]:
        assert not unknown_in(command), f"`docstore {command}` in {page.name}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{target} is linked from {page.name}"


def unknown_in(shown: str) -> list[str]:
    """The words of a command as documented that name no command and no option."""
    import typer

    from docstore.cli.app import app

    group: Any = typer.main.get_command(app)
    known = {option for each in group.params for option in each.opts}
    unknown = []
    for word in re.split(r"\s[#|/…]|\.\.\.|[;&>]", shown)[0].split():
        if word.startswith("--"):
            unknown += [word] if word.partition("=")[0] not in known | WITH_ANY else []
        elif hasattr(group, "commands") and re.fullmatch(r"[a-z][a-z-]*", word):
            if word not in group.commands:
                return [*unknown, word]
            group = group.commands[word]
            known |= {option for each in group.params for option in (*each.opts, *each.secondary_opts)}
    return unknown


@pytest.mark.parametrize(
    ("shown", "unknown"),
    [
        ("outbox status --max-age 60  # and when one waits longer", []),
        ("--env-file .env branch switch small", []),
        ("outbox stats", ["stats"]),
        ("outbox status --age=60", ["--age=60"]),
        ("backup restore latest --json", []),
    ],
)
def test_a_command_that_is_shown_wrong_is_found(shown: str, unknown: list[str]) -> None:
    assert unknown_in(shown) == unknown
