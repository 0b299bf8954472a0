"""A search engine that counts records and keeps none: for the memory of whoever writes a million of them.

``python -m benchmarks.search_sink`` prints its port and answers what a reindex asks, until it is killed.
"""

import asyncio
import json
from typing import Any

from aiohttp import web


class Sink:
    """Index names, and how many records each was sent."""

    def __init__(self) -> None:
        self.records: dict[str, int] = {}
        self.tasks = 0

    def app(self) -> web.Application:
        """What it answers."""
        app = web.Application(client_max_size=20_000_000)
        app.router.add_get("/1/indexes", self._list)
        app.router.add_post("/1/indexes/{index}/batch", self._batch)
        app.router.add_post("/1/indexes/{index}/query", self._count)
        app.router.add_post("/1/indexes/{index}/operation", self._move)
        app.router.add_get("/1/indexes/{index}/settings", self._settings)
        app.router.add_get("/1/indexes/{index}/task/{task}", self._published)
        app.router.add_route("*", "/{rest:.*}", self._done)
        return app

    async def _batch(self, request: web.Request) -> web.Response:
        name, body = request.match_info["index"], await request.read()
        self.records[name] = self.records.get(name, 0) + body.count(b'{"action":')
        return self._task()

    async def _count(self, request: web.Request) -> web.Response:
        number = self.records.get(request.match_info["index"], 0)
        return web.json_response({"hits": [], "nbHits": number, "page": 0, "nbPages": 1})

    async def _move(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = json.loads(await request.read())
        if body["operation"] == "move":
            self.records[body["destination"]] = self.records.pop(request.match_info["index"], 0)
        return self._task()

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"items": [{"name": each} for each in self.records], "nbPages": 1})

    async def _settings(self, request: web.Request) -> web.Response:
        there = request.match_info["index"] in self.records
        return web.json_response({} if there else {"message": "no such index"}, status=200 if there else 404)

    async def _published(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "published", "pendingTask": False})

    async def _done(self, request: web.Request) -> web.Response:
        return self._task()

    def _task(self) -> web.Response:
        self.tasks += 1
        return web.json_response({"taskID": self.tasks})


async def main() -> None:
    """Serve on a free port."""
    runner = web.AppRunner(Sink().app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
