"""A newsletter: from one `publish()` to one delivery for each subscribed member."""

from __future__ import annotations

from functools import partial
from typing import Any

from docstore.cli.demo.observing import expected_recipients
from docstore.cli.demo.scene import Scene
from docstore.documents import transaction, utc_now
from docstore.models import Author, ContentType, NewsletterType, Post, PostPublished, Tag, TagOnPost
from docstore.outbox import EntryStatus, OutboxEntry
from docstore.workers.newsletter import NewsletterBatch

_TYPE = NewsletterType.COMPANY


class _SimulatedCrashError(Exception):
    """Ends a transaction before its commit."""


async def publish_newsletter(scene: Scene) -> Post:
    """Publish a newsletter post and follow it to its readers; returns the post."""
    scene.narrator.chapter(
        "A newsletter goes out",
        "A backend writes a post and publishes it. The event is committed with the post or not at all; relay, Kafka "
        "and newsletter worker take it from there.",
    )
    ledger, watch, database = scene.ledger, scene.watch, scene.store.database
    post = await _write_post(scene)
    rows = partial(_event_rows, scene, post)
    await _crash_before_commit(post)
    ledger.check("outbox rows after a crash before the commit", 0, await rows())

    await post.publish()
    ledger.check("outbox rows committed with the post", 1, await rows())
    await ledger.wait("outbox rows marked as published", 1, partial(rows, EntryStatus.PUBLISHED))
    await ledger.wait("messages in Kafka", 1, partial(watch.count, PostPublished.name, str(post.id)))

    expected = await expected_recipients(database, _TYPE.value)
    await ledger.wait("deliveries, one a subscribed member", len(expected), partial(_deliveries, scene, post))
    send = await database["EmailSend"].find_one({"postId": post.id})
    assert send is not None
    written = {each["email"] async for each in database["EmailRecipient"].find({"emailSendId": send["_id"]})}
    ledger.check("members left out, or written twice", 0, len(expected ^ written))
    await ledger.wait("recipients handed to the sender", len(expected), partial(_handed_on, scene, send["_id"]))
    await ledger.wait("search hits for its title", 1, partial(hits, scene, post))
    return post


async def hits(scene: Scene, post: Post) -> int:
    """How often a search for a post's title finds the post."""
    page = await scene.search.search("posts", post.title)
    return sum(hit["objectID"] == str(post.id) for hit in page.hits)


async def _write_post(scene: Scene) -> Post:
    author, tag = await Author.find_one({"clerkId": "author_seed_0000"}), await Tag.find_one({"slug": "newsletters"})
    assert author is not None
    assert tag is not None
    assert author.id is not None
    async with transaction():
        post: Post = await Post(
            title=f"Letter from the demo {scene.run}",
            content="Dear readers, this letter was published a moment ago, and you are reading it already.",
            excerpt="How a letter reaches every reader, once.",
            post_url=f"letter-from-the-demo-{scene.run}",
            author_id=author.id,
            content_type=ContentType.NEWSLETTER,
            is_newsletter=True,
            newsletter_type=_TYPE,
        ).insert()
        assert post.id is not None
        assert tag.id is not None
        await TagOnPost(post_id=post.id, tag_id=tag.id).insert()
    when = utc_now().strftime("%H:%M:%S")
    scene.narrator.say(f"  {when} UTC, {author.name} has written {post.title!r}: a draft.")
    return post


async def _crash_before_commit(post: Post) -> None:
    draft = await Post.get(post.id)
    assert draft is not None
    try:
        async with transaction():
            await draft.publish()
            raise _SimulatedCrashError
    except _SimulatedCrashError:
        return


async def _event_rows(scene: Scene, post: Post, status: EntryStatus | None = None) -> int:
    rows = scene.store.database[OutboxEntry.get_collection_name()]
    wanted: dict[str, Any] = {"aggregateId": str(post.id), "name": PostPublished.name}
    if status is not None:
        wanted["status"] = status.value
    return await rows.count_documents(wanted)


async def _deliveries(scene: Scene, post: Post) -> int:
    database = scene.store.database
    sends = [each["_id"] async for each in database["EmailSend"].find({"postId": post.id}, {"_id": 1})]
    return await database["EmailRecipient"].count_documents({"emailSendId": {"$in": sends}})


async def _handed_on(scene: Scene, send_id: Any) -> int:
    batches = scene.watch.values(NewsletterBatch.name, str(send_id))
    return len({each["email"] for batch in batches for each in batch["recipients"]})
