"""Users' notes with attachments, comments and counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from docstore.models import MediaKind, Note, NoteComment, NoteMedia, NoteStatistics, User
from docstore.operations.seeding.people import picture
from docstore.operations.seeding.plan import Plot, Row, Step
from docstore.operations.seeding.prose import TOPICS, paragraph, slug, title

_NOTES: Final = 18


def _notes(plot: Plot) -> Iterator[Row]:
    for number in range(_NOTES):
        rng = plot.rng("note", number)
        topics = rng.sample(sorted(TOPICS), 2)
        heading, published = title(rng, topics), number % 4 != 3
        yield {
            "title": heading,
            "content": paragraph(rng, topics),
            "slug": f"{slug(heading)}-note-{number + 1}",
            "published": published,
            "published_at": plot.days_ago(number + 1) if published else None,
            "author_id": plot.ids(User)[number % 12 + 1],
            "tags": topics,
            "metadata": {"readingMinutes": 1 + number % 4},
        }


def _statistics(plot: Plot) -> Iterator[Row]:
    for number, note_id in enumerate(plot.ids(Note)):
        yield {
            "note_id": note_id,
            "view_count": 40 * number + 7,
            "like_count": 3 * number,
            "share_count": number // 2,
            "comment_count": 2,
        }


def _media(plot: Plot) -> Iterator[Row]:
    kinds = tuple(MediaKind)
    types = {MediaKind.IMAGE: "image/jpeg", MediaKind.VIDEO: "video/mp4", MediaKind.AUDIO: "audio/mpeg"}
    for number, note_id in enumerate(plot.ids(Note)):
        kind = kinds[number % len(kinds)]
        seen = kind in (MediaKind.IMAGE, MediaKind.VIDEO)
        yield {
            "note_id": note_id,
            "url": picture("notes", str(number)),
            "type": kind,
            "mime_type": types.get(kind, "application/pdf"),
            "size": 120_000 + 3_000 * number,
            "width": 1280 if seen else None,
            "height": 720 if seen else None,
            "alt": f"Attachment of note {number + 1}" if seen else None,
        }


def _comments(plot: Plot) -> Iterator[Row]:
    for number, note_id in enumerate(plot.ids(Note)):
        yield {
            "content": "This is how I do it too, with one difference.",
            "note_id": note_id,
            "author_id": plot.ids(User)[number + 20],
            "created_at": plot.days_ago(30 - number),
        }


def _replies(plot: Plot) -> Iterator[Row]:
    for number, (note_id, comment_id) in enumerate(zip(plot.ids(Note), list(plot.ids(NoteComment)), strict=True)):
        yield {
            "content": "Tell me more.",
            "note_id": note_id,
            "author_id": plot.ids(User)[number % 12 + 1],
            "parent_id": comment_id,
            "created_at": plot.days_ago(29.5 - number),
        }


NOTE_STEPS: Final = (
    Step(Note, ("slug",), _notes),
    Step(NoteStatistics, ("note_id",), _statistics),
    Step(NoteMedia, ("note_id", "url"), _media),
    Step(NoteComment, ("note_id", "author_id", "parent_id"), _comments),
    Step(NoteComment, ("note_id", "author_id", "parent_id"), _replies),
)
