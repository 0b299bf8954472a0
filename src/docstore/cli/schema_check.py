"""`docstore schema check`: which existing documents the validators would refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import opened_database
from docstore.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from docstore.schema.checking import CheckProgress, CheckReport


def check(
    context: typer.Context,
    only: Annotated[str, typer.Option(help="These collections, such as Post,Tag.", metavar="NAMES")] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Of each collection at most so many documents.", metavar="N")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Of each collection so many, drawn at random.", metavar="N")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Ids to show for each broken rule.", metavar="N")] = 5,
    json: JsonFlag = False,
) -> None:
    """Judge every document by its model's validator, and list what fails by rule and count, with sample ids.

    Nothing is written, and deleted documents are judged, too. Exit code 1 when a document fails.
    """
    invocation = Invocation.of(context, json)
    if limit is not None and sample is not None:
        raise typer.BadParameter("a sample is limited already.", param_hint="--limit")
    names = [name.strip() for name in only.split(",") if name.strip()]

    async def work() -> int:
        from docstore.schema.checking import check_documents

        async with opened_database(invocation) as opened:
            with _shown(invocation) as listen:
                report = await check_documents(
                    opened.database,
                    opened.models,
                    only=names,
                    limit=limit,
                    sample=sample,
                    samples=samples,
                    on_progress=listen,
                )
        _print(invocation, report)
        invocation.print_json(
            {
                "ok": not report.failing,
                "documents": report.documents,
                "failing": report.failing,
                "collections": [each.described() for each in report.collections],
                "seconds": round(report.seconds, 3),
            }
        )
        return 1 if report.failing else 0

    invocation.run(work)


@contextmanager
def _shown(invocation: Invocation) -> Iterator[Callable[[CheckProgress], None]]:
    from docstore.cli.progress import progress_bar

    with progress_bar(invocation.err, hidden=invocation.json) as progress:
        task = progress.add_task("documents", total=None)
        current = ""

        def listen(at: CheckProgress) -> None:
            nonlocal current
            if at.collection != current:
                current = at.collection
                progress.reset(task, total=at.total, description=at.collection)
            failing = f", {at.failing:,} fail" if at.failing else ""
            progress.update(task, description=f"{at.collection}{failing}", completed=at.done, total=at.total)

        yield listen


def _print(invocation: Invocation, report: CheckReport) -> None:
    rows = _rows(report)
    if rows:
        columns = ("collection", "field", "rule", "fail", "found", "for example")
        invocation.out.print(table(*columns, rows=rows, right=["fail"]))
    rate = f", {report.documents / report.seconds:,.0f}/s" if report.seconds >= 1 else ""
    verdict = f"{report.failing:,} of them fail" if report.failing else "all are valid"
    invocation.out.print(
        f"{report.documents:,} documents of {len(report.collections)} collections in {report.seconds:.1f} s{rate}: "
        f"{verdict}."
    )


def _rows(report: CheckReport) -> list[tuple[Any, ...]]:
    return [
        (
            check.collection,
            broken.rule.field or "(document)",
            broken.rule.expected,
            Text(f"{broken.count:,}", "bold red"),
            ", ".join(f"{name} {count:,}" for name, count in broken.found.items()),
            ", ".join(broken.samples),
        )
        for check in report.collections
        for broken in check.worst
    ]
