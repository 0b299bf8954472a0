"""`docstore advise`: what to change about indexes and queries, from the query log and the server's own counts."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir, opened_servers

if TYPE_CHECKING:
    from docstore.operations.advice import Advice, AdviceReport, Evidence


def advise(
    context: typer.Context,
    days: Annotated[float, typer.Option(help="How far back the query log is read.", min=0)] = 7,
    collection: Annotated[list[str] | None, typer.Option(help="Only this collection; may be repeated.")] = None,
    least: Annotated[int, typer.Option(help="Queries that ran less often need no index.", min=1, metavar="N")] = 5,
    prove: Annotated[
        bool, typer.Option("--prove", help="Measure each missing index on a copy, which is dropped afterwards.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Find missing, unused, redundant and low-value indexes, scans, sorts and over-fetching; each with its evidence.

    Nothing is changed. The log is kept while QUERY_LOG=true.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        report = await _advise(invocation, days, collection or [], least, prove)
        _print(invocation, report)
        invocation.print_json(_as_json(report))
        return 0

    invocation.run(work)


async def _advise(invocation: Invocation, days: float, collections: list[str], least: int, prove: bool) -> AdviceReport:
    from dataclasses import replace

    from docstore.operations.advice import Kind, advise, drop_leftovers
    from docstore.operations.advice import prove as prove_it
    from docstore.store import SYSTEM_MODELS, Store

    # What this command asks is no part of the workload.
    settings = invocation.settings().with_urls(query_log=False)
    models = invocation.models()
    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers,
        Store(servers.settings, models=models) as store,
    ):
        with invocation.err.status("Reading the query log …") as line:
            report = await advise(
                store.database,
                (*models, *SYSTEM_MODELS),
                since=timedelta(days=days),
                collections=collections,
                least_queries=least,
                on_progress=lambda at: line.update(f"{at.collection}, {at.number} of {at.total}"),
            )
            if not prove:
                return report
            await drop_leftovers(store.client)
            proven = []
            for each in report.advice:
                if each.kind is Kind.MISSING:
                    line.update(f"Proving an index on {each.collection} …")
                proven.append(
                    await prove_it(
                        store.database,
                        each,
                        on_progress=lambda name, done, total: line.update(f"Copying {name}: {done:,} of {total:,}"),
                    )
                )
            return replace(report, advice=tuple(proven))


def _print(invocation: Invocation, report: AdviceReport) -> None:
    out = invocation.out
    kind = None
    for each in report.advice:
        if each.kind is not kind:
            kind = each.kind
            out.print(Text(f"\n{kind.value.capitalize()}", "bold"))
        out.print(Text(f"  {each.collection}{f'.{each.index}' if each.index else ''}: {each.reason}"), soft_wrap=True)
        for line in _evidence_lines(each.evidence):
            out.print(Text(f"      {line}", "dim"), soft_wrap=True)
        for line in _proof_lines(each):
            out.print(Text(f"      {line}"), soft_wrap=True)
        out.print(Text(f"    → {each.remedy}"), soft_wrap=True)
    if report.advice:
        out.print()
    out.print(
        f"{len(report.advice)} to change; {report.shapes} different queries in {report.entries:,} entries of the log, "
        f"{report.collections} collections."
    )
    for note in report.notes:
        out.print(Text(note, "dim"), soft_wrap=True)


def _evidence_lines(evidence: Evidence) -> list[str]:
    if not evidence.count:
        return []
    numbers = f"{evidence.count:,.0f} queries, {evidence.total_ms:,.0f} ms in all, p95 {evidence.p95_ms:,.1f} ms"
    return [f"{numbers}, {evidence.plan}" if evidence.plan else numbers, *evidence.shapes[:3]]


def _proof_lines(advice: Advice) -> list[str]:
    proof = advice.proof
    if proof is None:
        return []
    told = [
        f"{name}: {each.plan}, {each.examined if each.examined is not None else '?'} examined, "
        f"{each.milliseconds:,.2f} ms"
        for name, each in (("without", proof.before), ("with   ", proof.after))
    ]
    verdict = "it helps" if proof.holds else "this server does not read less with it"
    if proof.forced:
        verdict += ", when a hint names it: this server's planner does not choose it by itself"
    return [f"measured on a copy of {proof.documents:,} documents: {verdict}", *told]


def _as_json(report: AdviceReport) -> dict[str, Any]:
    advice = []
    for each in report.advice:
        told = asdict(each)
        told.pop("shapes")
        advice.append({**told, "kind": each.kind.name.lower(), "title": each.kind.value})
    return {
        "ok": True,
        "advice": advice,
        "notes": report.notes,
        "entries": report.entries,
        "shapes": report.shapes,
        "collections": report.collections,
    }
