"""PyMongo's asynchronous driver: dicts in, dicts out. What the others are measured against."""

from typing import Any

from benchmarks.contenders.on_pymongo import OnPyMongo
from benchmarks.content import post


class PyMongo(OnPyMongo):
    name = "PyMongo"

    async def open(self, uri: str, database: str) -> None:
        self._raw = self._connect(uri, database)["pymongo"]

    def make(self, count: int) -> list[Any]:
        return [post(number) for number in range(count)]

    async def insert_many(self, documents: list[Any]) -> None:
        await self._raw.insert_many(documents)

    async def find(self) -> int:
        return len(await self._raw.find().to_list())

    async def project(self) -> int:
        fields = {"title": 1, "postUrl": 1, "status": 1, "viewCount": 1}
        return len(await self._raw.find({}, fields).to_list())

    async def get(self, key: Any) -> Any:
        return await self._raw.find_one({"_id": key})

    async def get_many(self, keys: list[Any]) -> list[Any]:
        found = {each["_id"]: each async for each in self._raw.find({"_id": {"$in": keys}})}
        return [found[key] for key in keys]

    async def insert(self, document: Any) -> None:
        await self._raw.insert_one(document)

    async def load_to_save(self, keys: list[Any]) -> list[Any]:
        return keys

    async def save_changed(self, key: Any, title: str) -> None:
        await self._raw.update_one({"_id": key}, {"$set": {"title": title}})


def contender() -> PyMongo:
    return PyMongo()
