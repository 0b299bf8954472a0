"""Who writes the posts."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from docstore.documents import (
    Document,
    Email,
    Index,
    Many,
    NonEmpty,
    has_many,
    index,
    unique,
)

if TYPE_CHECKING:
    from docstore.models.blog.posts import Post


class Role(StrEnum):
    """What an author may do on the blog."""

    ADMIN = "ADMIN"
    OWNER = "OWNER"
    WRITER = "WRITER"


class Author(Document):
    """A writer of posts, known to the identity provider by `clerk_id`."""

    clerk_id: NonEmpty
    name: str | None = None
    username: str | None = None
    email: Email
    image_url: str | None = None
    role: Role = Role.WRITER

    posts: ClassVar[Many["Post"]] = has_many("Post", sort="-created_at", limit=20)

    announces: ClassVar[bool] = True
    indexes: ClassVar[Sequence[Index]] = (
        unique("clerk_id"),
        unique("email"),
        unique("username", when_set=["username"]),
        index("name", serves="authors in alphabetical order"),
        index("role", serves="authors of a role"),
    )
