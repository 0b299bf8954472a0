"""Beanie as it is, its state management where changes are tracked."""

from datetime import datetime
from typing import Any

import beanie
from beanie.odm.operators.find.comparison import In
from pydantic import BaseModel, Field

from benchmarks.contenders.on_pymongo import OnPyMongo
from benchmarks.content import ContentType, Status, post


class BeaniePost(beanie.Document):
    title: str
    content: str
    excerpt: str | None = None
    featureImage: str | None = None
    postUrl: str
    publishDate: datetime | None = None
    authorId: beanie.PydanticObjectId
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


class BeanieTracked(BeaniePost):
    class Settings:
        name = "BeaniePost"
        use_state_management = True


class BeanieCard(BaseModel):
    id: beanie.PydanticObjectId = Field(alias="_id")
    title: str
    postUrl: str
    status: Status
    viewCount: int


class Beanie(OnPyMongo):
    name = "Beanie"

    async def open(self, uri: str, database: str) -> None:
        await beanie.init_beanie(
            database=self._connect(uri, database), document_models=[BeaniePost, BeanieTracked], skip_indexes=True
        )
        self._raw = BeaniePost.get_pymongo_collection()

    def make(self, count: int) -> list[Any]:
        return [BeaniePost(**post(number)) for number in range(count)]

    async def insert_many(self, documents: list[Any]) -> None:
        await BeaniePost.insert_many(documents)

    async def find(self) -> int:
        return len(await BeaniePost.find().to_list())

    async def find_tracked(self) -> int:
        return len(await BeanieTracked.find().to_list())

    async def project(self) -> int:
        return len(await BeaniePost.find().project(BeanieCard).to_list())

    async def get(self, key: Any) -> Any:
        return await BeaniePost.get(key)

    async def get_many(self, keys: list[Any]) -> list[Any]:
        found = {each.id: each for each in await BeaniePost.find(In(BeaniePost.id, keys)).to_list()}
        return [found[key] for key in keys]

    async def insert(self, document: Any) -> None:
        await document.insert()

    async def load_to_save(self, keys: list[Any]) -> list[Any]:
        return await BeanieTracked.find(In(BeanieTracked.id, keys)).to_list()

    async def save_changed(self, document: Any, title: str) -> None:
        document.title = title
        await document.save_changes()


def contender() -> Beanie:
    return Beanie()
