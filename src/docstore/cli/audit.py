"""`docstore audit`: whether the audit log is whole, and the seals that make it so."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir, opened_servers

if TYPE_CHECKING:
    from docstore.settings import Settings

_ANCHOR: Final = re.compile(r"[0-9]+:[0-9a-f]{64}")

group = typer.Typer(help="Seal and verify the audit log.", no_args_is_help=True)


@group.command()
def verify(
    context: typer.Context,
    anchor: Annotated[
        list[str] | None, typer.Option(help="An anchor that `docstore audit seal` printed; may be repeated.")
    ] = None,
    collection: Annotated[str | None, typer.Option(help="Only the entries of this collection, without seals.")] = None,
    documents: Annotated[
        bool, typer.Option(help="Hold the documents against their entries too: finds what no seal counted yet.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Find entries that were altered or removed. Exit code 1 when there are any."""
    invocation = Invocation.of(context, json)
    for each in anchor or ():
        if not _ANCHOR.fullmatch(each):  # not a seal that is gone, which is what verifying would say
            raise typer.BadParameter(
                "an anchor is a number, a colon and 64 hexadecimal digits, as `docstore audit seal` prints it.",
                param_hint="--anchor",
            )

    async def work() -> int:
        from docstore.documents.audit import verify_chain

        async with _store(invocation) as settings:
            report = await verify_chain(
                collection=collection, key=_key(settings), anchors=anchor or (), documents=documents
            )
        for problem in report.problems:
            invocation.out.print(f"{problem.kind}: {problem.where}: {problem.detail}", markup=False)
        verdict = "whole" if report.ok else f"not whole: {len(report.problems)} problems"
        invocation.out.print(
            f"The audit log is {verdict}. {report.entries} entries of {report.documents} documents, "
            f"{report.seals} seals, {report.unsealed} entries not sealed yet."
        )
        if documents:
            invocation.out.print(f"{report.compared} documents compared, {report.unlogged} without any entry.")
        invocation.print_json({"ok": report.ok, **asdict(report)})
        return 0 if report.ok else 1

    invocation.run(work)


@group.command()
def seal(context: typer.Context, json: JsonFlag = False) -> None:
    """Seal what is not sealed yet, and print the last seal's anchor: keep it outside the database."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.documents.audit import seal_audit

        async with _store(invocation) as settings:
            seals = await seal_audit(key=_key(settings))
        entries = sum(each.entries for each in seals)
        anchor = seals[-1].anchor if seals else None
        invocation.out.print(f"Sealed {entries} entries. Anchor: {anchor}" if seals else "Nothing to seal.")
        invocation.print_json({"ok": True, "seals": len(seals), "entries": entries, "anchor": anchor})
        return 0

    invocation.run(work)


@asynccontextmanager
async def _store(invocation: Invocation) -> AsyncIterator[Settings]:
    from docstore.store import Store

    settings = invocation.settings()
    async with (
        opened_servers(settings, state_dir=kept_state_dir(settings), services=("mongodb",)) as servers,
        Store(servers.settings, models=invocation.models()),
    ):
        yield settings


def _key(settings: Settings) -> bytes | None:
    return settings.audit_key.get_secret_value().encode() if settings.audit_key else None
