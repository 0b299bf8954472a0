"""`docstore branch`: copies of the database under names of their own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.branch_shown import branch_json, branch_table, copy_progress, diff_table, expiry_told
from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.patience import patient_database
from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.settings import Settings

group = typer.Typer(help="Copy the database under a branch's name, and work with the copies.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The branch, as DATABASE_BRANCH says it.", metavar="NAME")]


@group.command()
def create(
    context: typer.Context,
    name: NameArgument,
    sample: Annotated[
        int | None, typer.Option(help="So many documents of each collection, and what they refer to.", min=1)
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="After which it may be removed, such as 12h or 3d.", metavar="DURATION")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Delete a branch of that name first.")] = False,
    parallel: Annotated[int, typer.Option(help="How many collections at once.", min=1, max=64)] = 4,
    json: JsonFlag = False,
) -> None:
    """Copy the database with its indexes and validators. Expired branches are removed first."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.cli.durations import duration
        from docstore.operations.branches import BranchOptions, create_branch

        options = BranchOptions(sample, duration(expires) if expires else None, replace, parallel)
        models = invocation.models() if sample is not None else ()
        async with patient_database(invocation) as opened:
            base = opened.settings.database_name
            with copy_progress(invocation) as listen:
                made = await create_branch(opened.client, base, name, options, models=models, on_progress=listen)
        total = sum(made.documents.values())
        if made.removed:
            invocation.out.print(f"Expired, and removed: {', '.join(made.removed)}.")
        invocation.out.print(
            f"Branch {name!r} of {base} is the database {made.branch.database}: {len(made.documents)} collections, "
            f"{total:,} documents, in {made.seconds:.1f} s.{expiry_told(made.branch)}"
        )
        invocation.out.print(f"Work with it: DB_METHOD=BRANCH DATABASE_BRANCH={name}, or `docstore branch switch`.")
        invocation.print_json(
            {
                "ok": True,
                **branch_json(made.branch),
                "documents": made.documents,
                "removed": made.removed,
                "seconds": round(made.seconds, 3),
            }
        )
        return 0

    invocation.run(work)


@group.command("list")
def list_(context: typer.Context, json: JsonFlag = False) -> None:
    """List the branches of the database."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.operations.branches import list_branches

        async with patient_database(invocation) as opened:
            base = opened.settings.database_name
            branches = await list_branches(opened.client, base)
            current = opened.settings.effective_database_name
        if branches:
            invocation.out.print(branch_table(branches, current))
        invocation.out.print(f"{base} has {len(branches)} branch{'' if len(branches) == 1 else 'es'}.")
        invocation.print_json({"ok": True, "base": base, "branches": [branch_json(each) for each in branches]})
        return 0

    invocation.run(work)


@group.command()
def switch(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The branch to work with.", metavar="[NAME]")] = None,
    leave: Annotated[
        str | None, typer.Option(help="Work with no branch: set this DB_METHOD again.", metavar="METHOD")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The env file to change; --env-file by default.")] = None,
    json: JsonFlag = False,
) -> None:
    """Write into an env file which branch is worked with: DB_METHOD=BRANCH and DATABASE_BRANCH."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.operations.branches import Registry, write_settings

        target = _env_file(invocation, file)
        if (name is None) == (leave is None):
            raise SettingsError("say which branch, or --leave METHOD to work with none.")
        settings = invocation.settings()
        values = _leaving(settings, leave) if leave is not None else _entering(settings, name or "")
        if name is not None:
            async with patient_database(invocation) as opened:
                await Registry(opened.client, settings.database_name).expect(name)
        write_settings(target, values)
        told = f"the branch {name!r}" if name is not None else f"no branch, DB_METHOD={values['DB_METHOD']}"
        invocation.out.print(f"{target} now says: {told}.")
        invocation.print_json({"ok": True, "file": target, "branch": name, "db_method": values["DB_METHOD"]})
        return 0

    invocation.run(work)


@group.command()
def diff(
    context: typer.Context,
    name: NameArgument,
    with_: Annotated[str | None, typer.Option("--with", help="Compare with this branch, not the base.")] = None,
    documents: Annotated[bool, typer.Option("--documents/--no-documents", help="Look at the documents, too.")] = True,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 when there are differences.")] = False,
    json: JsonFlag = False,
) -> None:
    """Tell in what a branch differs from its base: collections, options, indexes, documents with ids of some."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.operations.branches import Registry, compare_databases

        async with patient_database(invocation) as opened:
            registry = Registry(opened.client, opened.settings.database_name)
            branch = await registry.expect(name)
            base = registry.base if with_ is None else (await registry.expect(with_)).database
            with invocation.err.status("Comparing …"):
                found = await compare_databases(
                    opened.client[base], opened.client[branch.database], documents=documents
                )
        different = [each for each in found if each.any]
        if different:
            invocation.out.print(diff_table(different))
        invocation.out.print(
            f"{len(different)} of {len(found)} collections of {branch.database} differ from {base}."
            if different
            else f"{branch.database} does not differ from {base}."
        )
        invocation.print_json(
            {
                "ok": not (check and different),
                "base": base,
                "branch": branch.database,
                "collections": [asdict(each) for each in different],
            }
        )
        return 1 if check and different else 0

    invocation.run(work)


@group.command()
def delete(
    context: typer.Context,
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", help="On a production server, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Delete a branch. A database that was not made by `docstore branch create` is refused."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.operations.branches import delete_branch

        settings = invocation.settings()
        if settings.is_production and not yes:
            raise SettingsError(
                f"DB_METHOD is PRODUCTION: branch {name!r} would be deleted on that server.",
                hint="If that is what you want, add --yes.",
            )
        async with patient_database(invocation) as opened:
            branch = await delete_branch(opened.client, opened.settings.database_name, name)
        invocation.out.print(f"Branch {name!r} is deleted, with its database {branch.database}.")
        invocation.print_json({"ok": True, **branch_json(branch)})
        return 0

    invocation.run(work)


@group.command()
def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Remove expired branches, and those whose making was cut off more than a day ago."""
    invocation = Invocation.of(context, json)

    async def work() -> int:
        from docstore.operations.branches import prune_branches

        async with patient_database(invocation) as opened:
            removed = await prune_branches(opened.client, opened.settings.database_name, dry_run=dry_run)
        what = "would be removed" if dry_run else "removed"
        invocation.out.print(f"{len(removed)} {what}{': ' if removed else ''}{', '.join(removed)}.")
        invocation.print_json({"ok": True, "dry_run": dry_run, "branches": removed})
        return 0

    invocation.run(work)


def _env_file(invocation: Invocation, given: Path | None) -> Path:
    target = given or invocation.env_file
    if target is None:
        raise SettingsError(
            "which file is to be changed?", hint="docstore --env-file .env branch switch NAME, or --file .env."
        )
    return target


def _entering(settings: Settings, name: str) -> dict[str, str | None]:
    """The lines that choose a branch, after a check that they lead to the server where it is."""
    there = settings.with_urls(db_method="BRANCH", database_branch=name)
    if there.mongo_uri != settings.mongo_uri:
        raise SettingsError(
            f"with DB_METHOD=BRANCH the address is that of {there.mongo_variable}, and the branch is on the server of "
            f"{settings.mongo_variable}.",
            hint="Leave DATABASE_URL out of that file, or let it name the same server.",
        )
    return {"DB_METHOD": "BRANCH", "DATABASE_BRANCH": name}


def _leaving(settings: Settings, method: str) -> dict[str, str | None]:
    from docstore.settings import DbMethod

    if method.upper() not in set(DbMethod) - {DbMethod.BRANCH}:
        raise SettingsError(f"there is no DB_METHOD {method!r} without a branch.", hint="LOCAL, PRODUCTION, EMBEDDED.")
    settings.with_urls(db_method=method.upper())  # says what is missing for it
    return {"DB_METHOD": method.upper(), "DATABASE_BRANCH": None}
