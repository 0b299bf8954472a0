"""Progress bars: shown on a terminal alone, one for each large collection."""

from io import StringIO

from rich.console import Console

from docstore.cli.progress import seed_progress
from docstore.operations import SeedProgress


def test_nothing_is_written_where_nobody_looks() -> None:
    out = StringIO()
    with seed_progress(Console(file=out)) as listen:
        listen(SeedProgress("Tag", 24, 24))
        listen(SeedProgress("Post", 500, 1_000))

    assert out.getvalue() == ""


def test_a_terminal_sees_the_collection_and_how_far_it_is() -> None:
    out = StringIO()
    with seed_progress(Console(file=out, force_terminal=True, width=100)) as listen:
        listen(SeedProgress("Post", 500, 1_000))
        listen(SeedProgress("Post", 1_000, 1_000))

    assert "Post" in out.getvalue()
    assert "1000/1000" in out.getvalue()
