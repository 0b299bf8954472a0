"""Ideas that may become posts."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    StateMachine,
    StrList,
    UtcDateTime,
    belongs_to,
    index,
)
from docstore.models.blog.authors import Author

if TYPE_CHECKING:
    from docstore.models.blog.posts import Post


class IdeaStatus(StrEnum):
    """Where an idea stands in the editorial process."""

    NEW = "NEW"
    IN_PROGRESS = "IN_PROGRESS"
    DRAFT_CREATED = "DRAFT_CREATED"
    ARCHIVED = "ARCHIVED"


class IdeaStage(StrEnum):
    """How far an idea is worked out."""

    ROUGH_IDEA = "ROUGH_IDEA"
    OUTLINE = "OUTLINE"
    SCRIPT = "SCRIPT"
    READY = "READY"


class Idea(Document):
    """A thought for a post, worked out in stages until a draft is made of it.

    `status` follows a state machine; `current_stage` is free, as authors go back and forth between stages.
    """

    title: NonEmpty
    description: str | None = None
    topics: StrList = Field(default_factory=list)
    status: IdeaStatus = IdeaStatus.NEW
    current_stage: IdeaStage = IdeaStage.ROUGH_IDEA
    generated_outline: str | None = None
    outline_content: str | None = None
    script_content: str | None = None
    target_date: UtcDateTime | None = None
    created_post_id: Annotated[DocumentId | None, Ref("Post", on_delete=OnDelete.SET_NULL)] = None
    author_id: Annotated[DocumentId, Ref("Author", on_delete=OnDelete.RESTRICT)]

    author: ClassVar[One[Author]] = belongs_to("author_id")
    created_post: ClassVar[One["Post"]] = belongs_to("created_post_id")

    states: ClassVar[StateMachine | None] = StateMachine(
        "status",
        {
            IdeaStatus.NEW: frozenset({IdeaStatus.IN_PROGRESS, IdeaStatus.DRAFT_CREATED, IdeaStatus.ARCHIVED}),
            IdeaStatus.IN_PROGRESS: frozenset({IdeaStatus.DRAFT_CREATED, IdeaStatus.ARCHIVED}),
            IdeaStatus.DRAFT_CREATED: frozenset({IdeaStatus.IN_PROGRESS, IdeaStatus.ARCHIVED}),
            IdeaStatus.ARCHIVED: frozenset({IdeaStatus.IN_PROGRESS}),
        },
    )
    indexes: ClassVar[Sequence[Index]] = (
        index("author_id", "-created_at", serves="an author's ideas, newest first"),
        index("status", "-created_at", serves="the board: ideas of a status, newest first"),
        index("current_stage", "-created_at", serves="the board: ideas of a stage, newest first"),
        index("-created_at", serves="all ideas, newest first"),
        index("target_date", serves="the calendar: ideas by the date they are meant for"),
    )
