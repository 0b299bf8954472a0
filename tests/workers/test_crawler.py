"""Pages are fetched over HTTP; what they say is the job's result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from docstore.errors import OperationTimeout, ServerUnavailable, ServiceError, ValidationFailed
from docstore.jobs import JobContext, JobQueue
from docstore.models import CrawlerJob
from docstore.models.operations import JobStatus
from docstore.store import Store
from docstore.workers import crawler as crawler_module
from docstore.workers.crawler import CrawlerWorker, HttpFetcher

PAGE = """<html><head><title>A &amp; B
 </title><meta name="Description" content="What it is about."></head><body><p>Text</p></body></html>"""


@pytest_asyncio.fixture
async def site() -> AsyncIterator[str]:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def data(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 5000)

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def status(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]))

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound("/page")

    async def ring(request: web.Request) -> web.Response:
        raise web.HTTPFound("/ring")

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("file:///etc/passwd")

    app = web.Application()
    app.router.add_get("/page", page)
    app.router.add_get("/data", data)
    app.router.add_get("/slow", slow)
    app.router.add_get("/moved", moved)
    app.router.add_get("/ring", ring)
    app.router.add_get("/away", away)
    app.router.add_get("/status/{status}", status)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def crawl(url: str) -> dict[str, object]:
    worker = CrawlerWorker(HttpFetcher(allow_private=True))
    return dict(await worker.crawl(JobContext(CrawlerJob(url=url), 1)))


async def test_a_page_is_told_of(site: str) -> None:
    found = await crawl(f"{site}/moved")
    assert found["url"] == f"{site}/page"
    assert (found["title"], found["description"]) == ("A & B", "What it is about.")
    assert (found["status"], found["contentType"], found["truncated"]) == (200, "text/html", False)


async def test_a_long_page_is_cut(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawler_module, "LONGEST_PAGE", 1000)
    found = await crawl(f"{site}/data")
    assert (found["bytes"], found["truncated"]) == (1000, True)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/status/404", ValidationFailed),
        ("/status/403", ValidationFailed),
        ("/status/503", ServiceError),
        ("/status/429", ServiceError),
        ("/ring", ValidationFailed),
        ("/away", ValidationFailed),
    ],
)
async def test_what_cannot_be_had_is_given_up_and_what_may_be_later_is_not(
    site: str, path: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await crawl(site + path)


async def test_a_server_that_is_slow_or_away(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawler_module, "PAGE_SECONDS", 0.2)
    with pytest.raises(OperationTimeout):
        await crawl(f"{site}/slow")
    monkeypatch.undo()
    with pytest.raises(ServerUnavailable):
        await crawl("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1/", "http://localhost/", "ftp://example.com/", "no"]
)
async def test_the_own_network_is_not_reached_into(url: str) -> None:
    with pytest.raises(ValidationFailed):
        await HttpFetcher().fetch(url)


async def test_jobs_are_crawled(store: Store, site: str) -> None:
    queue = JobQueue(CrawlerJob)
    page = await queue.enqueue(CrawlerJob(url=f"{site}/page"))
    missing = await queue.enqueue(CrawlerJob(url=f"{site}/status/404"))
    stop = asyncio.Event()
    task = asyncio.create_task(CrawlerWorker(HttpFetcher(allow_private=True)).run(stop))
    async with asyncio.timeout(20):
        while (
            await CrawlerJob.find({"status": "PENDING"}).count() or await CrawlerJob.find({"status": "RUNNING"}).count()
        ):
            await asyncio.sleep(0.05)
    stop.set()
    await task
    done, failed = await CrawlerJob.get(page.id), await CrawlerJob.get(missing.id)
    assert done is not None
    assert failed is not None
    assert isinstance(done.result, dict)
    assert (done.status, done.result["title"]) == (JobStatus.COMPLETED, "A & B")
    assert (failed.status, failed.attempts) == (JobStatus.FAILED, 1)
