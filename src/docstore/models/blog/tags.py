"""Tags, and which post carries which."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from docstore.documents import Document, Index, OnDelete, PydanticObjectId, Ref, Slug, unique


class Tag(Document):
    """A subject that posts are filed under."""

    slug: Slug
    description: str | None = None
    image_url: str | None = None

    announces: ClassVar[bool] = True
    indexes: ClassVar[Sequence[Index]] = (unique("slug"),)


class TagOnPost(Document):
    """That a post carries a tag; at most once."""

    post_id: Annotated[PydanticObjectId, Ref("Post", on_delete=OnDelete.CASCADE)]
    tag_id: Annotated[PydanticObjectId, Ref("Tag", on_delete=OnDelete.CASCADE)]

    announces: ClassVar[bool] = True
    indexes: ClassVar[Sequence[Index]] = (unique("post_id", "tag_id", serves="the tags of a post"),)
