"""Uploaded media and their way through transcoding."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    StateMachine,
    UtcDateTime,
    belongs_to,
    index,
    utc_now,
)

if TYPE_CHECKING:
    from docstore.models.identity import User


class MediaType(StrEnum):
    """What was uploaded."""

    VIDEO = "VIDEO"
    AUDIO = "AUDIO"


class MediaStatus(StrEnum):
    """How far an upload got."""

    UPLOADING = "UPLOADING"
    UPLOADED = "UPLOADED"
    TRANSCODING = "TRANSCODING"
    READY = "READY"
    FAILED = "FAILED"


class MediaItem(Document):
    """A file in object storage under `r2_key`, made ready for streaming.

    Size in bytes, duration in seconds, width and height in pixels. An item that is READY has its duration and,
    when it is a video, its playlist and its thumbnail.
    """

    creator_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.RESTRICT)]
    title: NonEmpty
    description: str | None = None
    media_type: MediaType
    status: MediaStatus = MediaStatus.UPLOADING
    r2_key: NonEmpty
    file_size_bytes: int | None = None
    mime_type: str | None = None
    duration_seconds: int | None = None
    width: int | None = None
    height: int | None = None
    hls_master_playlist_key: str | None = None
    thumbnail_key: str | None = None
    waveform_key: str | None = None
    uploaded_at: UtcDateTime | None = None

    creator: ClassVar[One["User"]] = belongs_to("creator_id")

    states: ClassVar[StateMachine | None] = StateMachine(
        "status",
        {
            MediaStatus.UPLOADING: frozenset({MediaStatus.UPLOADED}),
            MediaStatus.UPLOADED: frozenset({MediaStatus.TRANSCODING}),
            MediaStatus.TRANSCODING: frozenset({MediaStatus.READY, MediaStatus.FAILED}),
            MediaStatus.READY: frozenset(),
            MediaStatus.FAILED: frozenset({MediaStatus.TRANSCODING}),
        },
    )
    indexes: ClassVar[Sequence[Index]] = (
        index("creator_id", "-created_at", serves="a creator's uploads, newest first"),
        index("status", "created_at", serves="the transcoding queue, oldest first"),
    )

    def check_rules(self) -> None:
        """READY needs the duration and, for video, playlist and thumbnail.

        Raises:
            ValueError: names what is missing.
        """
        if self.status is not MediaStatus.READY:
            return
        needed = ["duration_seconds"]
        if self.media_type is MediaType.VIDEO:
            needed += ["hls_master_playlist_key", "thumbnail_key"]
        missing = [name for name in needed if getattr(self, name) in (None, "")]
        if missing:
            kind = self.media_type.value.lower() if self.media_type else "item"
            raise ValueError(f"{kind} media that is READY needs {', '.join(missing)}")

    async def uploaded(self, *, file_size_bytes: int | None = None) -> Self:
        """The file has arrived in object storage.

        Raises:
            InvalidTransition: it is not uploading.
        """
        size = self.file_size_bytes if file_size_bytes is None else file_size_bytes
        return await self.move_to(MediaStatus.UPLOADED, uploaded_at=utc_now(), file_size_bytes=size)

    async def transcode(self) -> Self:
        """Transcoding begins, or begins again after a failure.

        Raises:
            InvalidTransition: it is neither uploaded nor failed.
        """
        return await self.move_to(MediaStatus.TRANSCODING)

    async def ready(
        self,
        *,
        duration_seconds: int,
        hls_master_playlist_key: str | None = None,
        thumbnail_key: str | None = None,
        waveform_key: str | None = None,
    ) -> Self:
        """Transcoding is done; these are its outputs. What is not given keeps its value.

        Raises:
            InvalidTransition: it is not transcoding.
            ValidationFailed: an output that READY needs is missing.
        """
        return await self.move_to(
            MediaStatus.READY,
            duration_seconds=duration_seconds,
            hls_master_playlist_key=hls_master_playlist_key or self.hls_master_playlist_key,
            thumbnail_key=thumbnail_key or self.thumbnail_key,
            waveform_key=waveform_key or self.waveform_key,
        )

    async def fail(self) -> Self:
        """Transcoding failed; `transcode` tries again.

        Raises:
            InvalidTransition: it is not transcoding.
        """
        return await self.move_to(MediaStatus.FAILED)
