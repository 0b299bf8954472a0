"""ODMantic, on Motor."""

from datetime import datetime
from typing import Any

from bson import ObjectId
from motor.motor_asyncio import AsyncIOMotorClient
from odmantic import AIOEngine, Field, Model

from benchmarks.content import ContentType, Status, post


class OdmanticPost(Model):
    title: str
    content: str
    excerpt: str | None = None
    featureImage: str | None = None
    postUrl: str
    publishDate: datetime | None = None
    authorId: ObjectId
    contentType: ContentType = ContentType.BLOG
    status: Status = Status.DRAFT
    featured: bool = False
    isNewsletter: bool = False
    viewCount: int = 0
    emailsSent: int = 0
    emailsOpened: int = 0
    rating: float | None = None
    tags: list[str] = Field(default_factory=list)
    metadataTitle: str | None = None
    metadataDescription: str | None = None
    metadataKeywords: str | None = None
    metadataImageUrl: str | None = None
    metadataOgTitle: str | None = None
    metadataOgDescription: str | None = None
    metadataAuthorName: str | None = None
    createdAt: datetime | None = None
    updatedAt: datetime | None = None
    deletedAt: datetime | None = None
    isDeleted: bool = False
    deletedBy: str | None = None


def _naive(document: dict[str, Any]) -> dict[str, Any]:
    # ODMantic refuses instants with a zone.
    return {
        name: value.replace(tzinfo=None) if isinstance(value, datetime) else value for name, value in document.items()
    }


class ODMantic:
    name = "ODMantic"
    most_at_once = 200
    """It sends one upsert for each of many documents, which takes an embedded server minutes."""

    async def open(self, uri: str, database: str) -> None:
        self._client: Any = AsyncIOMotorClient(uri)
        self._engine = AIOEngine(client=self._client, database=database)
        self._raw = self._engine.get_collection(OdmanticPost)

    async def close(self) -> None:
        self._client.close()

    def make(self, count: int) -> list[Any]:
        return [OdmanticPost(**_naive(post(number))) for number in range(count)]

    async def insert_many(self, documents: list[Any]) -> None:
        await self._engine.save_all(documents)

    async def fill(self, count: int) -> None:
        await self._raw.insert_many([post(number) for number in range(count)])

    async def clear(self) -> None:
        await self._raw.delete_many({})

    async def ids(self, count: int) -> list[Any]:
        return [each["_id"] async for each in self._raw.find({}, {"_id": 1}).limit(count)]

    async def find(self) -> int:
        return len(await self._engine.find(OdmanticPost))

    async def get(self, key: Any) -> Any:
        return await self._engine.find_one(OdmanticPost, OdmanticPost.id == key)

    async def get_many(self, keys: list[Any]) -> list[Any]:
        found = {each.id: each for each in await self._engine.find(OdmanticPost, OdmanticPost.id.in_(keys))}
        return [found[key] for key in keys]

    async def insert(self, document: Any) -> None:
        await self._engine.save(document)

    async def load_to_save(self, keys: list[Any]) -> list[Any]:
        return await self._engine.find(OdmanticPost, OdmanticPost.id.in_(keys))

    async def save_changed(self, document: Any, title: str) -> None:
        document.title = title
        await self._engine.save(document)


def contender() -> ODMantic:
    return ODMantic()
