"""`docstore doctor`: what is wrong with settings and servers, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import Servers, opened_servers
from docstore.cli.tables import table

if TYPE_CHECKING:
    from docstore.operations import Check, Finding
    from docstore.settings import Settings

_TOLD = {
    "create": "missing",
    "change": "different",
    "unhide": "hidden",
    "hide": "to be hidden",
    "keep": "present",
    "drop": "left over",
    "unknown": "unknown",
}
_STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


def doctor(context: typer.Context, json: JsonFlag = False) -> None:
    """Check the settings and every server. Exit code 0 when all is well, 1 when something has to be mended.

    With DB_METHOD=EMBEDDED and no servers running, temporary ones are started to see that they can.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.operations import describe_settings

        settings = invocation.settings()
        findings = await _findings(settings, invocation.models())
        described = describe_settings(settings)
        ok = all(each.ok for each in findings)
        _print(invocation, described, findings)
        invocation.print_json({"ok": ok, "settings": described, "findings": [_as_json(each) for each in findings]})
        return 0 if ok else 1

    invocation.run(work)


async def _findings(settings: Settings, models: Sequence[type[Any]]) -> list[Finding]:
    from docstore.cli.servers import kept_state_dir
    from docstore.embedded import SERVICES, running_servers
    from docstore.errors import EmbeddedServerError, MissingExtra
    from docstore.operations import Finding, diagnose

    # Data that is kept is looked at where it is; else servers are started, seen to work, and leave nothing behind.
    folder = kept_state_dir(settings)
    kept = settings.embedded_state_dir is not None or running_servers(folder) is not None
    try:
        async with opened_servers(settings, state_dir=folder if kept else None, services=SERVICES) as servers:
            passing = servers.own and not kept
            found = await diagnose(
                servers.settings, topics=_topics(), further=() if passing else (_indexes_check(models),)
            )
    except (EmbeddedServerError, MissingExtra) as error:
        return [Finding.of_error("embedded servers", error)]
    return [*_about_servers(servers, passing), *found]


def _about_servers(servers: Servers, passing: bool) -> list[Finding]:
    from docstore.operations import Finding
    from docstore.settings import DbMethod

    if servers.settings.db_method is not DbMethod.EMBEDDED:
        return []
    if not passing:
        return [Finding("embedded servers", True, servers.origin)]
    hint = "`docstore up` runs them and keeps their data; a Store starts what it needs by itself."
    return [Finding("embedded servers", True, "none run; temporary ones were started for this check", hint)]


def _topics() -> tuple[str, ...]:
    from docstore.workers import NewsletterWorker, RatingsWorker, SearchWorker

    read = (*NewsletterWorker.topics, *RatingsWorker.topics, *SearchWorker.topics)
    return tuple(dict.fromkeys(read))


def _indexes_check(models: Sequence[type[Any]]) -> Check:
    from docstore.clients import get_database
    from docstore.operations import Finding
    from docstore.schema import index_plan
    from docstore.store import SYSTEM_MODELS

    async def check(settings: Settings) -> Sequence[Finding]:
        plan = await index_plan(get_database(settings), (*models, *SYSTEM_MODELS))
        counts = plan.counts()
        detail = ", ".join(f"{count} {_TOLD[action]}" for action, count in counts.items() if count)
        if counts["create"]:
            return [Finding("indexes", False, detail, "Build them: docstore indexes sync.")]
        if plan.outstanding:
            return [Finding("indexes", False, detail, "See the plan, then make it so: docstore indexes status, sync.")]
        if counts["unknown"]:
            return [Finding("indexes", True, detail, "See which no model declares: docstore indexes status.")]
        return [Finding("indexes", True, detail)]

    return check


def _print(invocation: Invocation, settings: dict[str, str], findings: Sequence[Finding]) -> None:
    out = invocation.out
    out.print(table("setting", "value", rows=settings.items()))
    out.print(table("check", "", "latency", "found", rows=map(_row, findings), right=["latency"]))
    for each in findings:
        if each.hint:
            style = _STYLES[each.verdict.value]
            out.print(Text.assemble((f"{each.check}: ", style), each.hint), soft_wrap=True)
    problems = sum(not each.ok for each in findings)
    out.print("\nAll is well." if not problems else f"\n{problems} to mend.")


def _row(finding: Finding) -> tuple[Any, ...]:
    latency = f"{finding.latency_ms:.1f} ms" if finding.latency_ms is not None else ""
    return finding.check, Text(finding.verdict.value, _STYLES[finding.verdict.value]), latency, finding.detail


def _as_json(finding: Finding) -> dict[str, Any]:
    latency = round(finding.latency_ms, 3) if finding.latency_ms is not None else None
    return {
        "check": finding.check,
        "ok": finding.ok,
        "verdict": finding.verdict.value,
        "detail": finding.detail,
        "hint": finding.hint,
        "latencyMs": latency,
    }
