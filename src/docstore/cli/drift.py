"""`docstore schema drift`: where models, snapshot and database disagree."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.migrate_common import found_directory
from docstore.cli.patience import patient_database
from docstore.cli.tables import table
from docstore.cli.wording import counted


def drift(
    context: typer.Context,
    sample: Annotated[int, typer.Option("--sample", help="Documents of each collection to look at.", min=0)] = 200,
    directory: Annotated[
        Path, typer.Option("--directory", help="Where the migration files are.", metavar="PATH")
    ] = Path("migrations"),
    json: JsonFlag = False,
) -> None:
    """Compare models, the last snapshot and the database. Exit code 1 when they disagree; nothing is written."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.schema.drift import find_drift

        async with patient_database(invocation) as opened:
            with invocation.err.status("Comparing …") as line:
                found = await find_drift(
                    opened.database,
                    invocation.models(),
                    found_directory(directory, opened.settings),
                    action=opened.settings.validator_action,
                    sample=sample,
                    on_collection=lambda name: line.update(f"Looking at documents of {name} …"),
                )
        if found:
            rows = ((each.kind.value, each.where, each.what, each.way_out) for each in found)
            invocation.out.print(table("kind", "where", "what", "way out", rows=rows))
        invocation.out.print(
            f"{counted(len(found), 'disagreement')}." if found else "Models, snapshot and database agree."
        )
        invocation.print_json({"ok": not found, "drift": [asdict(each) for each in found]})
        return 1 if found else 0

    invocation.run(work)
