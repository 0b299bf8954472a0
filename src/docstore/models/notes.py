"""Notes: short texts of users, with their media, comments and statistics."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    Json,
    Many,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    Slug,
    StrList,
    UtcDateTime,
    belongs_to,
    has_many,
    has_one,
    index,
    unique,
)

if TYPE_CHECKING:
    from docstore.models.identity import User


class MediaKind(StrEnum):
    """What a note's attachment is."""

    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"
    FILE = "FILE"


class Note(Document):
    """A text by a user, private until published."""

    title: NonEmpty
    content: str
    slug: Slug
    published: bool = False
    published_at: UtcDateTime | None = None
    author_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    tags: StrList = Field(default_factory=list)
    metadata: Json | None = None

    author: ClassVar[One["User"]] = belongs_to("author_id")
    media: ClassVar[Many["NoteMedia"]] = has_many("NoteMedia", sort="order")
    comments: ClassVar[Many["NoteComment"]] = has_many("NoteComment", sort="created_at")
    statistics: ClassVar[One["NoteStatistics"]] = has_one("NoteStatistics")

    indexes: ClassVar[Sequence[Index]] = (
        unique("slug"),
        index("author_id", "-created_at", serves="a user's notes, newest first"),
        index("published", "-published_at", serves="published notes, newest first"),
        index("-published_at", serves="notes by date of publication"),
        index("-created_at", serves="all notes, newest first"),
    )


class NoteStatistics(Document):
    """The counts of one note, apart from it so that counting does not rewrite the text."""

    note_id: Annotated[DocumentId, Ref("Note", on_delete=OnDelete.CASCADE)]
    view_count: int = 0
    like_count: int = 0
    share_count: int = 0
    comment_count: int = 0

    note: ClassVar[One[Note]] = belongs_to("note_id")

    indexes: ClassVar[Sequence[Index]] = (
        unique("note_id"),
        index("-view_count", serves="the most viewed notes"),
        index("-like_count", serves="the most liked notes"),
    )


class NoteMedia(Document):
    """A file attached to a note. Size in bytes, width and height in pixels; `order` sorts the attachments."""

    note_id: Annotated[DocumentId, Ref("Note", on_delete=OnDelete.CASCADE)]
    url: NonEmpty
    type: MediaKind
    mime_type: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    alt: str | None = None
    order: int = 0

    note: ClassVar[One[Note]] = belongs_to("note_id")

    indexes: ClassVar[Sequence[Index]] = (
        index("note_id", "order", serves="a note's attachments in order"),
        index("type", "-created_at", serves="attachments of a kind, newest first"),
    )


class NoteComment(Document):
    """A comment on a note, or a reply to one."""

    content: NonEmpty
    note_id: Annotated[DocumentId, Ref("Note", on_delete=OnDelete.CASCADE)]
    author_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    parent_id: Annotated[DocumentId | None, Ref("NoteComment", on_delete=OnDelete.CASCADE)] = None

    note: ClassVar[One[Note]] = belongs_to("note_id")
    author: ClassVar[One["User"]] = belongs_to("author_id")
    parent: ClassVar[One["NoteComment"]] = belongs_to("parent_id")
    replies: ClassVar[Many["NoteComment"]] = has_many("NoteComment", by="parent_id", sort="created_at")

    indexes: ClassVar[Sequence[Index]] = (
        index("note_id", "created_at", serves="a note's comments, oldest first"),
        index("author_id", "-created_at", serves="a user's comments, newest first"),
        index("parent_id", "created_at", serves="the replies to a comment, oldest first"),
        index("-created_at", serves="all comments, newest first"),
    )
