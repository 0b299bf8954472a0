"""A soft delete: out of sight everywhere, kept all the same, and back again."""

from __future__ import annotations

from functools import partial

from docstore.cli.demo.observing import is_living
from docstore.cli.demo.scene import Scene
from docstore.cli.demo.steps.newsletter import hits
from docstore.cli.demo.steps.search import expected_records
from docstore.context import acting_as
from docstore.models import Post


async def delete_and_restore(scene: Scene, post: Post) -> None:
    """Delete the post, see it vanish from reads and search, restore it, and see it again."""
    scene.narrator.chapter(
        "A post is deleted, and restored",
        "Deleting marks. No query sees the post any more, its search record goes, and a restore brings both back.",
    )
    ledger, count = scene.ledger, partial(scene.search.count, "posts")
    with acting_as("user:demo"):
        await post.delete()
    ledger.check("ways of reading that see it, of 4", 0, await _reads(post))
    raw = await scene.store.database["Post"].find_one({"_id": post.id})
    ledger.check("stored documents marked as deleted", 1, int(raw is not None and not is_living(raw)))
    trashed = await Post.deleted.get(post.id)
    ledger.check("deleted by", "user:demo", trashed.deleted_by if trashed else None)
    await ledger.wait("search hits for the deleted post", 0, partial(hits, scene, post))
    await ledger.wait("records in index posts without it", (await expected_records(scene))["posts"], count)

    await post.restore()
    ledger.check("ways of reading that see it again, of 4", 4, await _reads(post))
    await ledger.wait("search hits for the restored post", 1, partial(hits, scene, post))
    await ledger.wait("records in index posts with it", (await expected_records(scene))["posts"], count)


async def _reads(post: Post) -> int:
    """By how many of four ways of reading the post is seen."""
    by_pipeline = await Post.aggregate([{"$match": {"_id": post.id}}]).to_list()
    return sum(
        (
            await Post.get(post.id) is not None,
            await Post.find_one({"postUrl": post.post_url}) is not None,
            await Post.find({"_id": post.id}).count() == 1,
            len(by_pipeline) == 1,
        )
    )
