"""PyMongo's asynchronous driver: dicts in, dicts out. What the others are measured against."""

from typing import Any

from pymongo import AsyncMongoClient

from benchmarks.content import post


class PyMongo:
    name = "PyMongo"

    async def open(self, uri: str, database: str) -> None:
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri, tz_aware=True)
        self._posts = self._client[database]["pymongo"]

    async def close(self) -> None:
        await self._client.close()

    def make(self, count: int) -> list[Any]:
        return [post(number) for number in range(count)]

    async def insert_many(self, documents: list[Any]) -> None:
        await self._posts.insert_many(documents)

    async def clear(self) -> None:
        await self._posts.delete_many({})

    async def ids(self, count: int) -> list[Any]:
        return [each["_id"] async for each in self._posts.find({}, {"_id": 1}, limit=count)]

    async def find(self) -> int:
        return len(await self._posts.find().to_list())

    async def project(self) -> int:
        fields = {"title": 1, "postUrl": 1, "status": 1, "viewCount": 1}
        return len(await self._posts.find({}, fields).to_list())

    async def get(self, key: Any) -> Any:
        return await self._posts.find_one({"_id": key})

    async def get_many(self, keys: list[Any]) -> list[Any]:
        found = {each["_id"]: each async for each in self._posts.find({"_id": {"$in": keys}})}
        return [found[key] for key in keys]

    async def insert(self, document: Any) -> None:
        await self._posts.insert_one(document)

    async def load_to_save(self, keys: list[Any]) -> list[Any]:
        return keys

    async def save_changed(self, key: Any, title: str) -> None:
        await self._posts.update_one({"_id": key}, {"$set": {"title": title}})


def contender() -> PyMongo:
    return PyMongo()
