"""The crawler: fetches the pages of `CrawlerJob`s, and keeps what it found as their results."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

from docstore.clients.metrics import Metrics
from docstore.errors import OperationTimeout, ServerUnavailable, ServiceError, ValidationFailed
from docstore.jobs import JobContext, JobQueue, JobRunner
from docstore.models import CrawlerJob

USER_AGENT: Final = "docstore-crawler/1"
LONGEST_PAGE: Final = 2_000_000
"""The most bytes of a page that are read."""
PAGE_SECONDS: Final = 30.0

_REDIRECTS: Final = 5
_SEEN_AS_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Page:
    """What was fetched: where it was in the end, the status, the kind of content, and the bytes, cut when too long."""

    url: str
    status: int
    content_type: str
    body: bytes
    truncated: bool


class Fetcher(Protocol):
    """Fetches pages."""

    async def fetch(self, url: str) -> Page:
        """The page at an address.

        Raises:
            ValidationFailed: the address can never be fetched.
            ServerUnavailable, OperationTimeout: not now.
        """
        ...


class HttpFetcher:
    """Fetches pages over HTTP, following redirects, from public addresses alone.

    Args:
        allow_private: fetch from this machine and private networks too: for tests, and intranets.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private

    async def fetch(self, url: str) -> Page:
        """See `Fetcher`. A job's address comes from anywhere, so it must not reach into the own network."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=PAGE_SECONDS)
        resolver: Any = _PublicResolver(self._allow_private)  # a subclass would need aiohttp at import
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
        headers = {"User-Agent": USER_AGENT}
        try:
            async with aiohttp.ClientSession(timeout=timeout, connector=connector, headers=headers) as session:
                return await self._follow(session, url)
        except TimeoutError as error:
            raise OperationTimeout(f"the page did not arrive within {PAGE_SECONDS:g} s.") from error
        except aiohttp.ClientError as error:
            raise ServerUnavailable(f"the page's server does not answer: {type(error).__name__}.") from error

    async def _follow(self, session: Any, url: str) -> Page:
        for _ in range(_REDIRECTS + 1):
            self._check(url)
            async with session.get(url, allow_redirects=False) as response:
                if response.status not in (301, 302, 303, 307, 308) or "Location" not in response.headers:
                    body = await response.content.read(LONGEST_PAGE)
                    while len(body) < LONGEST_PAGE and (more := await response.content.read(LONGEST_PAGE - len(body))):
                        body += more
                    rest = await response.content.read(1)
                    return Page(url, response.status, response.content_type, body, bool(rest))
                url = urljoin(url, response.headers["Location"])
        raise ValidationFailed(f"the page redirects more than {_REDIRECTS} times.", field="url")

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValidationFailed("only http and https addresses can be fetched.", field="url")
        try:
            address = ipaddress.ip_address(parts.hostname)
        except ValueError:
            return  # a name: the resolver looks at what it stands for
        if not (self._allow_private or address.is_global):
            raise _private()


class _PublicResolver:
    """aiohttp's resolver that gives public addresses alone; what it gives is what is connected to."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=socket.AF_UNSPEC)
        hosts = [
            {"hostname": host, "host": address[0], "port": port, "family": kind, "proto": protocol, "flags": 0}
            for kind, _, protocol, _, address in found
            if self._allow_private or ipaddress.ip_address(address[0]).is_global
        ]
        if not hosts:
            raise _private()
        return hosts

    async def close(self) -> None:
        """Nothing is held."""


class CrawlerWorker:
    """Works off the queue of `CrawlerJob`s.

    A page that is not there (4xx) is given up at once; a server that is away, or busy, is tried again.

    Args:
        fetcher: fetches pages.
        metrics: where counts go.
    """

    def __init__(self, fetcher: Fetcher | None = None, *, metrics: Metrics | None = None) -> None:
        self._fetcher = fetcher or HttpFetcher()
        self._metrics = metrics

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; see `JobRunner.run`."""
        await JobRunner(JobQueue(CrawlerJob), self.crawl, metrics=self._metrics).run(stop)

    async def crawl(self, context: JobContext[CrawlerJob]) -> Mapping[str, Any]:
        """Fetch a job's page; its result.

        Raises:
            ValidationFailed: there is no such page, or its address is none.
            ServerUnavailable, OperationTimeout, ServiceError: not now.
        """
        page = await self._fetcher.fetch(context.job.url)
        if page.status in _SEEN_AS_PASSING:
            raise ServiceError(f"the page's server answered with status {page.status}.")
        if page.status >= 400:
            raise ValidationFailed(f"the page cannot be had: status {page.status}.", field="url")
        return {
            "url": page.url,
            "status": page.status,
            "contentType": page.content_type,
            "bytes": len(page.body),
            "truncated": page.truncated,
            "sha256": hashlib.sha256(page.body).hexdigest(),
            # In a thread: a page may be made such that reading it takes seconds, and heartbeats share the loop.
            **await asyncio.to_thread(_told_by, page),
        }


class _Head(HTMLParser):
    """Title and description of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: str | None = None
        self.description: str | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._in_title = tag == "title" and self.title is None
        if tag == "meta" and (named.get("name") or "").lower() == "description":
            self.description = named.get("content")

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title = (self.title or "") + data


def _told_by(page: Page) -> dict[str, str]:
    if page.content_type != "text/html":
        return {}
    head = _Head()
    head.feed(page.body.decode("utf-8", "replace"))
    told = {"title": head.title, "description": head.description}
    return {name: " ".join(text.split())[:500] for name, text in told.items() if text}


def _private() -> ValidationFailed:
    return ValidationFailed("the address is not public, and is not fetched.", field="url")
