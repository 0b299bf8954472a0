"""Before the story: indexes, search settings, and a seeded database."""

from __future__ import annotations

from docstore.cli.demo.ledger import Ledger
from docstore.cli.demo.narration import Narrator
from docstore.cli.demo.observing import living
from docstore.cli.invocation import Invocation
from docstore.cli.progress import seed_progress
from docstore.models import ALL
from docstore.operations import SeedReport, seed
from docstore.schema import IndexAction, index_plan, sync_indexes
from docstore.search import full_sync, push_settings
from docstore.store import Store


async def prepare(
    store: Store, ledger: Ledger, narrator: Narrator, invocation: Invocation, *, scale: int
) -> SeedReport:
    """Apply indexes and search settings, catch up with what the database held before, and seed it."""
    narrator.chapter(
        "Indexes and seed",
        "Models declare their indexes; what is missing is built. Then every collection gets linked documents, unless "
        "it has them already.",
    )
    report = await sync_indexes(store.database, store.models)
    report.expect_success()
    plan = await index_plan(store.database, store.models)
    kept = len(plan.of(IndexAction.KEEP))
    ledger.check("declared indexes on the server", kept + len(plan.outstanding), kept)
    search = await store.search_index()
    pushed = await push_settings(search)
    narrator.say(f"  {len(report.done)} indexes built, settings of {len(pushed)} search indexes applied.")
    # What happened while no worker ran: nothing in a new database.
    await full_sync(search)

    with seed_progress(invocation.err, hidden=invocation.json) as listen:
        # Every post announces itself: that is what the demo is about.
        seeded = await seed(store, scale=scale, scaled=("TagOnPost",), announce=True, on_progress=listen)
    narrator.table("domain", "collections", "documents", rows=_by_domain(seeded), right=["documents"])
    held = 0
    for model in ALL:
        held += bool(await living(store.database, model.__name__)) if model.__name__ in seeded.counts else 0
    ledger.check("collections with documents", len(ALL), held)
    return seeded


def _by_domain(seeded: SeedReport) -> list[tuple[str, str, str]]:
    domains: dict[str, list[str]] = {}
    for model in ALL:
        domains.setdefault(model.__module__.split(".")[2], []).append(model.__name__)
    return [
        (domain, ", ".join(names), f"{sum(seeded.counts.get(name, 0) for name in names):,}")
        for domain, names in domains.items()
    ]
