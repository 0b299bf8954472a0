"""Tags, and which post carries which."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    Many,
    OnDelete,
    One,
    Ref,
    Slug,
    belongs_to,
    has_many,
    unique,
)

if TYPE_CHECKING:
    from docstore.models.blog.posts import Post


class Tag(Document):
    """A subject that posts are filed under."""

    slug: Slug
    description: str | None = None
    image_url: str | None = None

    posts: ClassVar[Many["Post"]] = has_many("Post", through="TagOnPost", sort="-publish_date", limit=20)

    announces: ClassVar[bool] = True
    indexes: ClassVar[Sequence[Index]] = (unique("slug"),)


class TagOnPost(Document):
    """That a post carries a tag; at most once."""

    post_id: Annotated[DocumentId, Ref("Post", on_delete=OnDelete.CASCADE)]
    tag_id: Annotated[DocumentId, Ref("Tag", on_delete=OnDelete.CASCADE)]

    post: ClassVar[One["Post"]] = belongs_to("post_id")
    tag: ClassVar[One[Tag]] = belongs_to("tag_id")

    announces: ClassVar[bool] = True
    part_of: ClassVar[frozenset[str]] = frozenset({"post_id"})
    indexes: ClassVar[Sequence[Index]] = (unique("post_id", "tag_id", serves="the tags of a post"),)
