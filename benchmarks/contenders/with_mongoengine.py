"""MongoEngine, which is synchronous."""

from typing import Any

import mongoengine as me

from benchmarks.content import ContentType, Status, post


class MongoEnginePost(me.Document):
    title = me.StringField(required=True)
    content = me.StringField(required=True)
    excerpt = me.StringField()
    featureImage = me.StringField()
    postUrl = me.StringField(required=True)
    publishDate = me.DateTimeField()
    authorId = me.ObjectIdField(required=True)
    contentType = me.EnumField(ContentType, default=ContentType.BLOG)
    status = me.EnumField(Status, default=Status.DRAFT)
    featured = me.BooleanField(default=False)
    isNewsletter = me.BooleanField(default=False)
    viewCount = me.IntField(default=0)
    emailsSent = me.IntField(default=0)
    emailsOpened = me.IntField(default=0)
    rating = me.FloatField()
    tags = me.ListField(me.StringField())
    metadataTitle = me.StringField()
    metadataDescription = me.StringField()
    metadataKeywords = me.StringField()
    metadataImageUrl = me.StringField()
    metadataOgTitle = me.StringField()
    metadataOgDescription = me.StringField()
    metadataAuthorName = me.StringField()
    createdAt = me.DateTimeField()
    updatedAt = me.DateTimeField()
    deletedAt = me.DateTimeField()
    isDeleted = me.BooleanField(default=False)
    deletedBy = me.StringField()
    meta = {"collection": "mongoengine", "auto_create_index": False}  # noqa: RUF012 - its way to say so


class MongoEngine:
    name = "MongoEngine"

    async def open(self, uri: str, database: str) -> None:
        me.connect(database, host=uri, tz_aware=True, uuidRepresentation="standard")

    async def close(self) -> None:
        me.disconnect()

    def make(self, count: int) -> list[Any]:
        return [MongoEnginePost(**post(number)) for number in range(count)]

    async def insert_many(self, documents: list[Any]) -> None:
        MongoEnginePost.objects.insert(documents, load_bulk=False)

    async def clear(self) -> None:
        MongoEnginePost.objects.delete()

    async def ids(self, count: int) -> list[Any]:
        return [each.id for each in MongoEnginePost.objects.only("id").limit(count)]

    async def find(self) -> int:
        return len(list(MongoEnginePost.objects.no_cache()))

    async def project(self) -> int:
        return len(list(MongoEnginePost.objects.only("title", "postUrl", "status", "viewCount").no_cache()))

    async def get(self, key: Any) -> Any:
        return MongoEnginePost.objects.get(id=key)

    async def get_many(self, keys: list[Any]) -> list[Any]:
        found = MongoEnginePost.objects.in_bulk(keys)
        return [found[key] for key in keys]

    async def insert(self, document: Any) -> None:
        document.save(force_insert=True)

    async def load_to_save(self, keys: list[Any]) -> list[Any]:
        return list(MongoEnginePost.objects(id__in=keys))

    async def save_changed(self, document: Any, title: str) -> None:
        document.title = title
        document.save()


def contender() -> MongoEngine:
    return MongoEngine()
