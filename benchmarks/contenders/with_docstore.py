"""docstore: guard, soft delete and stamps on, nothing announced."""

from typing import Any

from pydantic import BaseModel, Field

from benchmarks.contenders.on_pymongo import OnPyMongo
from benchmarks.content import ContentType, Status, post
from docstore.documents import Document, NonEmpty, PydanticObjectId, Slug, StrList, UtcDateTime, bind
from docstore.documents.transactions import use_client


class BenchPost(Document):
    title: NonEmpty
    content: str
    excerpt: str | None = None
    feature_image: str | None = None
    post_url: Slug
    publish_date: UtcDateTime | None = None
    author_id: PydanticObjectId
    content_type: ContentType = ContentType.BLOG
    status: Status = Status.DRAFT
    featured: bool = False
    is_newsletter: bool = False
    view_count: int = 0
    emails_sent: int = 0
    emails_opened: int = 0
    rating: float | None = None
    tags: StrList = Field(default_factory=list)
    metadata_title: str | None = None
    metadata_description: str | None = None
    metadata_keywords: str | None = None
    metadata_image_url: str | None = None
    metadata_og_title: str | None = None
    metadata_og_description: str | None = None
    metadata_author_name: str | None = None


class TrackedPost(BenchPost):
    class Settings:
        name = "BenchPost"
        use_state_management = True


class Small(Document):
    number: int
    word: str


class Card(BaseModel):
    id: PydanticObjectId = Field(alias="_id")
    title: str
    post_url: str = Field(alias="postUrl")
    status: Status
    view_count: int = Field(alias="viewCount")


class Docstore(OnPyMongo):
    name = "docstore"

    async def open(self, uri: str, database: str) -> None:
        await bind(self._connect(uri, database), [BenchPost, TrackedPost, Small], audit=False)
        self._guarded = BenchPost.get_pymongo_collection()
        self._raw = self._guarded.raw

    async def close(self) -> None:
        use_client(None)
        await super().close()

    def make(self, count: int) -> list[Any]:
        return [BenchPost(**post(number)) for number in range(count)]

    async def insert_many(self, documents: list[Any]) -> None:
        await BenchPost.insert_many(documents)

    async def find(self) -> int:
        return len(await BenchPost.find().to_list())

    async def find_tracked(self) -> int:
        return len(await TrackedPost.find().to_list())

    async def find_dicts_guarded(self) -> int:
        return len(await self._guarded.find().to_list())

    async def find_dicts(self) -> int:
        return len(await self._raw.find().to_list())

    async def project(self) -> int:
        return len(await BenchPost.find().project(Card).to_list())

    async def get(self, key: Any) -> Any:
        return await BenchPost.get(key)

    async def get_many(self, keys: list[Any]) -> list[Any]:
        return await BenchPost.get_many(keys)

    async def insert(self, document: Any) -> None:
        await document.insert()

    async def load_to_save(self, keys: list[Any]) -> list[Any]:
        return await TrackedPost.get_many(keys)

    async def save_changed(self, document: Any, title: str) -> None:
        document.title = title
        await document.save()

    async def fill_small(self, count: int) -> None:
        """So many documents of a few fields."""
        raw = Small.get_pymongo_collection().raw
        await raw.drop()
        for start in range(0, count, 10_000):
            numbers = range(start, min(start + 10_000, count))
            await raw.insert_many([{"number": number, "word": f"word {number}"} for number in numbers], ordered=False)

    def stream_small(self) -> Any:
        return Small.find().stream(batch=1000)

    async def clear_small(self) -> None:
        await Small.get_pymongo_collection().raw.drop()


def contender() -> Docstore:
    return Docstore()
