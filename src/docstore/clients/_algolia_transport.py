"""Algolia's transport with its sharp edges taken off. Imports algoliasearch, so import it late.

What the driver does, and what is done about it here:
- any 5xx takes a host out for 300 s, so that a single host is gone after one hiccup: hosts of our own are
  listed three times and revived before every request, Algolia's when all of them are out;
- a refused connection escapes as aiohttp's error and no other host is tried: the next host is tried;
- timeouts and failures end in the same error: here a timeout is told apart;
- aiohttp warns about bodies of more than 1 MB, which a full batch is: it is handed a finished payload;
- proxies of the environment are used for local hosts too, by the driver and again by aiohttp: never here.
"""

from __future__ import annotations

import ipaddress
import time
import warnings
from contextvars import ContextVar
from urllib.parse import urlsplit

from aiohttp import ClientConnectorError, ClientSession, StringPayload, TCPConnector
from algoliasearch.http.api_response import ApiResponse
from algoliasearch.http.exceptions import AlgoliaUnreachableHostException
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.http.request_options import RequestOptions
from algoliasearch.http.retry import RetryStrategy
from algoliasearch.http.transporter import Transporter
from algoliasearch.http.verb import Verb
from algoliasearch.search.client import SearchClient
from algoliasearch.search.config import SearchConfig

_COPIES = 3
_LARGE_BODY = 500_000
_timed_out: ContextVar[bool] = ContextVar("docstore_algolia_timed_out", default=False)


class UnreachableHosts(AlgoliaUnreachableHostException):
    """No host accepts a connection, or all failed."""

    def __init__(self) -> None:
        super().__init__("No host could be reached.")  # type: ignore[no-untyped-call]  # unannotated


class UnansweredRequest(UnreachableHosts):
    """No host could be reached, but at least one took the request and did not answer in time."""


def make_client(app_id: str, key: str, urls: list[str]) -> SearchClient:
    """A client of the given hosts, or of Algolia's own when there are none."""
    config = SearchConfig(app_id, key)
    if urls:
        config.hosts = HostsCollection([_host(url) for url in urls * _COPIES])
    local = bool(urls) and all(_is_local(urlsplit(url).hostname or "") for url in urls)
    if local:
        config.proxies = {}
    config.set_default_hosts()  # type: ignore[no-untyped-call]  # the driver leaves it unannotated
    transporter = _SteadyTransporter(config, own_hosts=bool(urls), local=local)
    return SearchClient.create_with_config(config, transporter=transporter)


class _NotingStrategy(RetryStrategy):
    """The driver's strategy, which also notes that a request timed out."""

    def decide(self, host: Host, response: ApiResponse[str]) -> str:
        if response.is_timed_out_error:
            _timed_out.set(True)
        return super().decide(host, response)


class _SteadyTransporter(Transporter):
    def __init__(self, config: SearchConfig, *, own_hosts: bool, local: bool) -> None:
        super().__init__(config)
        self._retry_strategy = _NotingStrategy()
        self._own_hosts = own_hosts
        self._local = local

    async def request(
        self, verb: Verb, path: str, request_options: RequestOptions, use_read_transporter: bool
    ) -> ApiResponse[str]:
        if self._local and self._session is None:
            # Not reading the environment, aiohttp knows no proxy either.
            self._session = ClientSession(connector=TCPConnector(use_dns_cache=False), trust_env=False)
        _keep_large_body(request_options)
        self._revive()
        _timed_out.set(False)
        refused: ClientConnectorError | None = None
        while True:
            try:
                return await super().request(verb, path, request_options, use_read_transporter)
            except ClientConnectorError as error:
                # Nothing was sent, so any request may go to the next host.
                refused = error
                if not self._take_out(error):
                    raise UnreachableHosts from error
            except AlgoliaUnreachableHostException as error:
                if _timed_out.get():
                    raise UnansweredRequest from error
                raise error from refused

    def _everyone(self) -> list[Host]:
        hosts = self._config.hosts
        return [] if hosts is None else list({id(h): h for h in (*hosts.read(), *hosts.write())}.values())

    def _revive(self) -> None:
        hosts = self._everyone()
        if self._own_hosts or not any(host.up for host in hosts):
            for host in hosts:
                host.reset()

    def _take_out(self, error: ClientConnectorError) -> bool:
        """Mark the host that refused; whether it was known, so that the next try goes elsewhere."""
        marked = False
        for host in self._everyone():
            if host.up and host.url.strip("[]") == error.host and host.port in (None, error.port):
                # Without a time of last use the driver would take it back at once.
                host.up, host.last_use = False, time.time()
                marked = True
        return marked


def _keep_large_body(request_options: RequestOptions) -> None:
    body = request_options.data
    if isinstance(body, str) and len(body) > _LARGE_BODY:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            request_options.data = StringPayload(body)  # type: ignore[assignment]  # handed on as it is


def _host(url: str) -> Host:
    parts = urlsplit(url)
    name = parts.hostname or ""
    return Host(f"[{name}]" if ":" in name else name, scheme=parts.scheme, port=parts.port)


def _is_local(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        # A name without a dot is this machine, or a neighbour in a container network.
        return "." not in name or name.endswith((".local", ".localhost", ".internal"))
    return address.is_loopback or address.is_private
