"""The command `docstore demo`: servers, Store, workers, the chapters, and the summary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from docstore.cli.invocation import Invocation, JsonFlag
from docstore.cli.servers import kept_state_dir, opened_servers
from docstore.cli.tables import mark
from docstore.errors import DocstoreError, SettingsError

if TYPE_CHECKING:
    from docstore.cli.demo.ledger import Ledger
    from docstore.cli.demo.narration import Narrator
    from docstore.settings import Settings
    from docstore.store import Store


def demo(
    context: typer.Context,
    scale: Annotated[int, typer.Option(min=0, help="So many thousand further posts, with tags.", metavar="N")] = 0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the data: in EMBEDDED_STATE_DIR, else .docstore/state.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Run on a branch of the database, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Show the whole way of a post, a review and a deletion, live, and compare the counts at every stage.

    Starts what DB_METHOD says; by default servers of its own, which leave nothing behind. Exit code 0 when all counts
    agree.
    """
    invocation = Invocation.of(context, json)

    async def work() -> int:
        settings = _fit_for_demo(invocation.settings(), yes=yes)
        return await _Demo(invocation, settings, scale=scale, keep=keep).run()

    invocation.run(work)


class _Demo:
    def __init__(self, invocation: Invocation, settings: Settings, *, scale: int, keep: bool) -> None:
        from docstore.cli.demo.ledger import Ledger
        from docstore.cli.demo.narration import Narrator

        self._invocation = invocation
        self._settings = settings
        self._scale = scale
        self._kept = keep or settings.embedded_state_dir is not None
        self._narrator: Narrator = Narrator(invocation.out, invocation.err)
        self._ledger: Ledger = Ledger(self._narrator)
        self._seeded: dict[str, int] = {}

    async def run(self) -> int:
        """Run it; 0 when every stage found what it expected."""
        from docstore.cli.demo.ledger import StageFailed
        from docstore.cli.invocation import innermost

        start = time.perf_counter()
        failure: DocstoreError | None = None
        try:
            await self._play()
        except* StageFailed as failed:
            found = innermost(failed)
            assert isinstance(found, DocstoreError)
            failure = found
        self._summarise(time.perf_counter() - start, failure)
        return 1 if failure else 0

    async def _play(self) -> None:
        from docstore.embedded import SERVICES
        from docstore.store import Store

        state_dir = kept_state_dir(self._settings) if self._kept else None
        self._narrator.chapter("Servers", "Every server speaks its real protocol, to the clients that production uses.")
        async with (
            opened_servers(self._settings, state_dir=state_dir, services=SERVICES) as servers,
            Store(servers.settings) as store,
        ):
            await self._introduce(store, servers.origin)
            await self._tell(store)

    async def _introduce(self, store: Store, origin: str) -> None:
        pings = [await probe.ping() for probe in store.probes()]
        self._narrator.table(
            "server",
            "address",
            "latency",
            "",
            rows=((each.server, each.address, f"{each.latency_ms:.1f} ms", each.detail) for each in pings),
            right=["latency"],
        )
        self._narrator.say(f"Servers: {origin}. Database: {store.settings.effective_database_name!r}.")

    async def _tell(self, store: Store) -> None:
        from uuid import uuid4

        from docstore.cli.demo import steps
        from docstore.cli.demo.observing import kafka_watch
        from docstore.cli.demo.scene import Scene
        from docstore.cli.demo.workers import running_workers
        from docstore.documents import utc_now
        from docstore.models import PostPublished, ReviewChanged
        from docstore.workers import RatingChanged
        from docstore.workers.newsletter import NewsletterBatch

        since = utc_now()
        seeded = await steps.prepare(store, self._ledger, self._narrator, self._invocation, scale=self._scale)
        self._seeded = seeded.counts
        topics = (PostPublished.name, NewsletterBatch.name, ReviewChanged.topic, RatingChanged.topic)
        search, key_value = await store.search_index(), await store.key_value()
        waiting = await steps.pending_events(store)
        async with running_workers(store), kafka_watch(store, topics) as watch:
            scene = Scene(store, search, key_value, watch, self._ledger, self._narrator, uuid4().hex[:8], since)
            await steps.fill_search(scene, waiting)
            await steps.rate_seeded_reviews(scene)
            post = await steps.publish_newsletter(scene)
            await steps.review_account(scene)
            await steps.delete_and_restore(scene, post)
            await steps.close_books(scene)

    def _summarise(self, seconds: float, failure: DocstoreError | None) -> None:
        from docstore.cli.demo.narration import shown

        stages = self._ledger.stages
        self._narrator.chapter("Summary", "What was expected, counted past the library, and what was found.")
        self._narrator.table(
            "stage",
            "expected",
            "found",
            "ok",
            rows=((each.name, shown(each.expected), shown(each.found), mark(each.ok)) for each in stages),
            right=["expected", "found"],
        )
        verdict = f"All {len(stages)} stages agree" if failure is None else str(failure)
        self._narrator.say(f"{verdict}{',' if failure is None else ' It took'} {seconds:.1f} s.")
        self._invocation.print_json(
            {
                "ok": failure is None,
                "seconds": round(seconds, 3),
                "scale": self._scale,
                "seed": self._seeded,
                "stages": [
                    {
                        "stage": each.name,
                        "expected": each.expected,
                        "found": each.found,
                        "ok": each.ok,
                        "seconds": round(each.seconds, 3),
                    }
                    for each in stages
                ],
                "error": None if failure is None else {"code": failure.code, "message": failure.message},
            }
        )


def _fit_for_demo(settings: Settings, *, yes: bool) -> Settings:
    """The settings to run the demo on.

    Raises:
        SettingsError: they lead to production, to a branch without a yes, or a server is missing.
    """
    from docstore.settings import DbMethod

    if settings.is_production:
        raise SettingsError(
            "The demo writes documents and sends newsletters: it does not run with DB_METHOD=PRODUCTION.",
            hint="Leave DB_METHOD out for servers of its own, or set LOCAL.",
        )
    if settings.db_method is DbMethod.BRANCH and not yes:
        raise SettingsError(
            f"The demo would write into the branch {settings.effective_database_name!r}, and hand a newsletter for its "
            "members to Kafka.",
            hint="If nobody sends what is in Kafka, add --yes.",
        )
    if settings.db_method is DbMethod.EMBEDDED:
        return settings
    given = {
        "REDIS_URL": settings.redis_dsn is not None,
        "KAFKA_SERVICE_URI": bool(settings.kafka_bootstrap),
        "ALGOLIA_APP_ID": settings.algolia_app_id is not None,
        "ALGOLIA_WRITE_API_KEY": settings.algolia_write_api_key is not None,
    }
    if missing := [name for name, there in given.items() if not there]:
        raise SettingsError(
            f"The demo needs every server, and DB_METHOD={settings.db_method.value} comes without "
            f"{', '.join(missing)}.",
            hint="Set them, or leave DB_METHOD out: then the demo starts servers of its own.",
            field=missing[0],
        )
    if not settings.algolia_host_urls:
        # Algolia's own hosts: somebody may search there, so the demo's records go into indexes of their own.
        return settings.model_copy(update={"algolia_index_prefix": f"{settings.algolia_index_prefix}demo_"})
    return settings
