"""Posts by the thousand, with their tags, for trying out what size does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from docstore.documents import PydanticObjectId
from docstore.models import Tag
from docstore.operations.seeding.blog import post_row, topics_of
from docstore.operations.seeding.plan import Plot, Row
from docstore.operations.seeding.prose import TOPICS


def scaled_posts(plot: Plot, numbers: range) -> Iterator[Row]:
    """Published posts of these numbers, known by their addresses."""
    for number in numbers:
        topics = topics_of(plot, "scale", number)
        address = f"{topics[0]}-and-{topics[1]}-{number:06}"
        yield post_row(plot, topics, address, number, plot.days_ago(400 + number * 0.01))


def scaled_links(plot: Plot, numbers: range, post_ids: Sequence[PydanticObjectId]) -> Iterator[Row]:
    """The tags of the posts of these numbers."""
    tag_ids = dict(zip(TOPICS, plot.ids(Tag), strict=True))
    for number, post_id in zip(numbers, post_ids, strict=True):
        for topic in topics_of(plot, "scale", number):
            yield {"post_id": post_id, "tag_id": tag_ids[topic]}
