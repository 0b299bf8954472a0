"""What the contenders on PyMongo's asynchronous client have in common, and do not differ in."""

from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase


class OnPyMongo:
    """A client, and the plain collection behind the contender's posts, for what is not measured."""

    _client: AsyncMongoClient[dict[str, Any]]
    _raw: AsyncCollection[dict[str, Any]]

    def _connect(self, uri: str, database: str) -> AsyncDatabase[dict[str, Any]]:
        self._client = AsyncMongoClient(uri, tz_aware=True)
        return self._client[database]

    async def close(self) -> None:
        await self._client.close()

    async def clear(self) -> None:
        await self._raw.delete_many({})

    async def ids(self, count: int) -> list[Any]:
        return [each["_id"] async for each in self._raw.find({}, {"_id": 1}, limit=count)]
