"""The HTTP side: which path is answered by which handler, with which right, and what an error looks like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from aiohttp import web
from aiohttp.typedefs import Middleware

from docstore.embedded.algolia import config_routes, index_routes, record_routes, search_routes
from docstore.embedded.algolia.access import Access
from docstore.embedded.algolia.call import Call, Handler, Limits
from docstore.embedded.algolia.catalog import Catalog
from docstore.embedded.algolia.errors import ApiError, bad_request
from docstore.embedded.algolia.faults import Fault, Faults

_INDEX = "/1/indexes/{index}"

# Method, path, the right that the caller's key must have, handler. Fixed paths stand before variable ones.
_ROUTES: tuple[tuple[str, str, str, Handler], ...] = (
    ("GET", "/1/indexes", "listIndexes", index_routes.list_indexes),
    ("POST", "/1/indexes/*/queries", "search", search_routes.queries),
    ("POST", "/1/indexes/*/objects", "search", record_routes.get_objects),
    ("POST", "/1/indexes/*/batch", "addObject", record_routes.multiple_batch),
    ("GET", "/1/keys/{key}", "own key", index_routes.get_key),
    ("GET", "/1/task/{task}", "addObject", index_routes.get_task),
    ("GET", f"{_INDEX}/task/{{task}}", "addObject", index_routes.get_task),
    ("POST", f"{_INDEX}/query", "search", search_routes.query),
    ("POST", f"{_INDEX}/facets/{{facet}}/query", "search", search_routes.facet_values),
    ("GET", f"{_INDEX}/browse", "browse", search_routes.browse),
    ("POST", f"{_INDEX}/browse", "browse", search_routes.browse),
    ("POST", f"{_INDEX}/batch", "addObject", record_routes.batch),
    ("POST", f"{_INDEX}/clear", "deleteIndex", record_routes.clear_objects),
    ("POST", f"{_INDEX}/deleteByQuery", "deleteIndex", record_routes.delete_by),
    ("POST", f"{_INDEX}/operation", "addObject", index_routes.operation),
    ("GET", f"{_INDEX}/settings", "settings", index_routes.get_settings),
    ("PUT", f"{_INDEX}/settings", "editSettings", index_routes.set_settings),
    *(
        (method, f"{_INDEX}/{kind}/{tail}", right, handler)
        for kind, managed in (("synonyms", config_routes.synonyms), ("rules", config_routes.rules))
        for method, tail, right, handler in (
            ("POST", "batch", "editSettings", managed.batch),
            ("POST", "clear", "editSettings", managed.clear),
            ("POST", "search", "settings", managed.search),
            ("GET", "{object}", "settings", managed.get),
            ("PUT", "{object}", "editSettings", managed.put),
            ("DELETE", "{object}", "editSettings", managed.delete),
        )
    ),
    ("GET", _INDEX, "search", search_routes.query_by_url),
    ("POST", _INDEX, "addObject", record_routes.add_object),
    ("DELETE", _INDEX, "deleteIndex", index_routes.delete_index),
    ("GET", f"{_INDEX}/{{object}}", "search", record_routes.get_object),
    ("PUT", f"{_INDEX}/{{object}}", "addObject", record_routes.put_object),
    ("DELETE", f"{_INDEX}/{{object}}", "deleteObject", record_routes.delete_object),
    ("POST", f"{_INDEX}/{{object}}/partial", "addObject", record_routes.partial_update),
)

_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(catalog: Catalog, access: Access, limits: Limits, faults: Faults | None) -> web.Application:
    """The application that answers Algolia's paths.

    Args:
        catalog: the indexes.
        access: the application's id and keys.
        limits: what is too large.
        faults: where injected faults wait; None serves no ``/_faults``.
    """
    app = web.Application(middlewares=[_errors_as_json], client_max_size=limits.body_bytes)
    app.router.add_get("/1/isalive", _is_alive)
    for method, path, right, handler in _ROUTES:
        app.router.add_route(method, path, _endpoint(catalog, access, limits, right, handler))
    if faults is not None:
        app.middlewares.append(_meet_faults(faults))
        _add_fault_routes(app, faults)
    return app


def _endpoint(
    catalog: Catalog, access: Access, limits: Limits, right: str, handler: Handler
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(request: web.Request) -> web.Response:
        acls = access.acls(request.headers, request.query)
        path = request.match_info
        access.allow(acls, right, path)
        if "key" in path:
            acls = access.acls_of(path["key"])
        answer = handler(Call(catalog, limits, path, request.query, await _body(request), acls))
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        return _json(status, content)

    return respond


async def _body(request: web.Request) -> Any:
    text = await request.text()
    if not text.strip():
        return None
    try:
        # Python's reader takes NaN and Infinity, which are no JSON and which Algolia refuses.
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise bad_request("Invalid JSON in the request body") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


async def _is_alive(request: web.Request) -> web.Response:
    return _json(200, {"message": "server is alive"})


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Next) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return _failure(error.status, error.message)
    except web.HTTPRequestEntityTooLarge:
        return _failure(413, "Request body is too large")
    except UnicodeDecodeError:
        return _failure(400, "The request body is not UTF-8")
    except web.HTTPNotFound:
        return _failure(404, "Path not found")
    except web.HTTPMethodNotAllowed:
        return _failure(405, "Method not allowed for this path")


def _meet_faults(faults: Faults) -> Middleware:
    @web.middleware
    async def meet(request: web.Request, handler: _Next) -> web.StreamResponse:
        fault = None if request.path == "/_faults" else faults.meet(request.method, request.path)
        if fault is None:
            return await handler(request)
        if fault.after:
            await handler(request)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        return _faulty(request, fault) or await handler(request)

    return meet


def _faulty(request: web.Request, fault: Fault) -> web.Response | None:
    if fault.refuse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    if fault.status is None:
        return None
    response = _failure(fault.status, fault.message)
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def _add_fault_routes(app: web.Application, faults: Faults) -> None:
    async def add(request: web.Request) -> web.Response:
        given = await _body(request)
        if not isinstance(given, dict):
            raise bad_request("A JSON object was expected in the request body")
        faults.add(given)
        return _json(201, {"faults": faults.listed()})

    async def listed(request: web.Request) -> web.Response:
        return _json(200, {"faults": faults.listed()})

    async def clear(request: web.Request) -> web.Response:
        faults.clear()
        return _json(200, {"faults": []})

    app.router.add_post("/_faults", add)
    app.router.add_get("/_faults", listed)
    app.router.add_delete("/_faults", clear)


def _failure(status: int, message: str) -> web.Response:
    return _json(status, {"message": message, "status": status})


def _json(status: int, content: Any) -> web.Response:
    return web.json_response(content, status=status, dumps=_dumps)


def _dumps(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
