"""Telling: the table on the terminal and in the documentation, the results as JSON, the chart as SVG."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from benchmarks.measuring import Measured

ORDER: Final = ("docstore", "Beanie", "MongoEngine", "ODMantic", "PyMongo")
_COLOURS: Final = ("#2f6f4e", "#c0504d", "#d99a3d", "#7c6bb0", "#8a8f98")
_PACKAGES: Final = ("beanie", "mongoengine", "odmantic", "motor", "pymongo", "pydantic", "SecantusDB")
_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"


def machine() -> dict[str, Any]:
    """What the numbers were measured on, and with."""
    cpu = "unknown processor"
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.partition(":")[2].strip() for line in information.read_text().splitlines() if "model name" in line
        ]
        cpu = names[0] if names else cpu
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": cpu,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def table(rows: Sequence[Measured]) -> str:
    """A Markdown table: microseconds per document, ratios, and the ratios to reach."""
    names = [name for name in ORDER if any(name in row.times for row in rows)]
    head = ["operation", *names, "to Beanie", "to PyMongo"]
    lines = [" | ".join(head), " | ".join(["---", *("---:" for _ in head[1:])])]
    for row in rows:
        times = [f"{row.typical(name):,.1f}" if name in row.times else "" for name in names]
        title = f"{row.title} ({row.note})" if row.note else row.title
        lines.append(" | ".join([title, *times, _ratio(row, "Beanie"), _ratio(row, "PyMongo")]))
    return "\n".join(f"| {line} |" for line in lines)


def _ratio(row: Measured, to: str) -> str:
    if to not in row.times or "docstore" not in row.times:
        return ""
    ratio = row.ratio("docstore", to)
    target = row.targets.get(to)
    if target is None:
        return f"{ratio:.2f}"
    return f"{ratio:.2f} (≤ {target:.2f}{'' if ratio <= target else ' missed'})"


def as_json(rows: Sequence[Measured], about: dict[str, Any], missing: dict[str, str], beside: dict[str, Any]) -> str:
    """Everything that was measured."""
    told = [
        {
            "operation": row.title,
            "note": row.note,
            "microseconds": {name: round(row.typical(name), 2) for name in row.times},
            "ratios": {to: round(row.ratio("docstore", to), 3) for to in row.times if to != "docstore"},
            "targets": dict(row.targets),
        }
        for row in rows
    ]
    return json.dumps({"machine": about, "missing": missing, **beside, "rows": told}, indent=2) + "\n"


def chart(rows: Sequence[Measured]) -> str:
    """An SVG of horizontal bars: each contender's time as a multiple of Beanie's."""
    shown = [row for row in rows if "Beanie" in row.times]
    bar, gap, left, width, longest = 13, 16, 250, 860, 2.0
    scale = (width - left - 60) / longest
    parts, top = [], 50
    for row in shown:
        names = [name for name in ORDER if name in row.times]
        middle = top + len(names) * bar / 2 + 4
        parts.append(f'<text x="{left - 10}" y="{middle:.0f}" text-anchor="end">{escape(row.title)}</text>')
        for name in names:
            ratio = row.ratio(name, "Beanie")
            length = min(ratio, longest) * scale
            colour = _COLOURS[ORDER.index(name)]
            parts.append(f'<rect x="{left}" y="{top}" width="{length:.1f}" height="{bar - 2}" fill="{colour}"/>')
            parts.append(f'<text x="{left + length + 5:.1f}" y="{top + bar - 3}" class="n">{ratio:.2f}</text>')
            top += bar
        top += gap
    legend = "".join(
        f'<rect x="{left + number * 115}" y="18" width="11" height="11" fill="{_COLOURS[number]}"/>'
        f'<text x="{left + number * 115 + 16}" y="28">{name}</text>'
        for number, name in enumerate(ORDER)
    )
    one = f"{left + scale:.1f}"
    line = f'<line x1="{one}" y1="42" x2="{one}" y2="{top - gap}" stroke="#c0504d" stroke-dasharray="3 3"/>'
    style = "<style>text{font:12px sans-serif;fill:#333}.n{font-size:10px;fill:#666}</style>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}">'
        f"<title>Processor time per document, Beanie = 1</title>{style}"
        f'<rect width="{width}" height="{top}" fill="#fff"/>{legend}{line}{"".join(parts)}</svg>\n'
    )


def beside_told(beside: dict[str, Any]) -> list[str]:
    """What was measured beside the rows, in sentences."""
    told = []
    if include := beside.get("include"):
        wanted = include["targets"]
        told.append(
            f'`include("author", "tags")` of 100 posts: {include["queries"]} queries (≤ {wanted["queries"]}), '
            f"{include['included']} µs a post beside {include['alone']} µs for the posts alone: "
            f"{include['ratio']:.2f} times (≤ {wanted['ratio']})."
        )
    if stream := beside.get("stream"):
        told.append(
            f"`stream()` over {stream['documents']:,} documents: memory within {stream['growth_mb']} MB once it runs "
            f"(≤ {stream['target_mb']})."
        )
    return told


def into_page(page: Path, rows: Sequence[Measured], about: dict[str, Any], beside: dict[str, Any]) -> None:
    """Put the results between the marks of a page of the documentation."""
    before, _, rest = page.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    told = [
        f"Measured on {about['date']} on {about['cores']} cores of an {about['processor']}, {about['system']}, "
        f"Python {about['python']}; {versions}. Load average at the end: {about['load']}.",
        table(rows),
    ]
    told += [f"- {line}" for line in beside_told(beside)]
    text = "\n\n".join(told[:2]) + "\n\n" + "\n".join(told[2:])
    page.write_text(before + _BEGIN + "\n" + text.rstrip() + "\n" + _END + after)
