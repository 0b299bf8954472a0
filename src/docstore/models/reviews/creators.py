"""What follows an account: its videos, the claims on it, and the log of refreshing its data."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    Json,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    StateMachine,
    UtcDateTime,
    belongs_to,
    index,
    unique,
    utc_now,
)
from docstore.models.reviews.accounts import Account, Platform

if TYPE_CHECKING:
    from docstore.models.identity import User


class ClaimStatus(StrEnum):
    """Whether a claim was found true."""

    PENDING = "PENDING"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"


class RefreshStatus(StrEnum):
    """How far the refresh of an account's data got."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class YouTubeVideo(Document):
    """A video of a YouTube account. `duration` is ISO 8601, such as ``PT4M13S``."""

    video_id: NonEmpty
    account_id: Annotated[DocumentId, Ref("Account", on_delete=OnDelete.CASCADE)]
    title: NonEmpty
    description: str | None = None
    channel_id: str | None = None
    channel_title: str | None = None
    playlist_id: str | None = None
    position: int | None = None
    privacy_status: str | None = None
    thumbnails: Json | None = None
    view_count: int = 0
    like_count: int = 0
    duration: str | None = None
    published_at: UtcDateTime
    video_published_at: UtcDateTime | None = None
    last_fetched_at: UtcDateTime = Field(default_factory=utc_now)

    account: ClassVar[One[Account]] = belongs_to("account_id")

    indexes: ClassVar[Sequence[Index]] = (
        unique("account_id", "video_id", serves="a video of an account by the platform's own id"),
        index("account_id", "-published_at", serves="an account's videos, newest first"),
        index("last_fetched_at", serves="the refresh worker: longest not fetched first"),
    )


class ClaimedAccount(Document):
    """A user's claim to be the creator behind an account."""

    user_id: Annotated[DocumentId, Ref("User", on_delete=OnDelete.CASCADE)]
    account_id: Annotated[DocumentId, Ref("Account", on_delete=OnDelete.CASCADE)]
    platform: Platform
    claimed_at: UtcDateTime = Field(default_factory=utc_now)
    verified_at: UtcDateTime | None = None
    verification_method: str | None = None
    status: ClaimStatus = ClaimStatus.PENDING

    user: ClassVar[One["User"]] = belongs_to("user_id")
    account: ClassVar[One[Account]] = belongs_to("account_id")

    states: ClassVar[StateMachine | None] = StateMachine(
        "status",
        {
            ClaimStatus.PENDING: frozenset({ClaimStatus.VERIFIED, ClaimStatus.REJECTED}),
            ClaimStatus.VERIFIED: frozenset(),
            ClaimStatus.REJECTED: frozenset(),
        },
    )
    indexes: ClassVar[Sequence[Index]] = (
        unique("user_id", "account_id", serves="a user's claims"),
        index("status", "claimed_at", serves="the queue of claims to check, oldest first"),
    )

    async def verify(self, method: str) -> Self:
        """Find the claim true, by a method such as ``dns`` or ``oauth``.

        Raises:
            InvalidTransition: the claim was decided already.
        """
        return await self.move_to(ClaimStatus.VERIFIED, verified_at=utc_now(), verification_method=method)

    async def reject(self) -> Self:
        """Turn the claim down. To try again the user's claim is deleted and made anew.

        Raises:
            InvalidTransition: the claim was decided already.
        """
        return await self.move_to(ClaimStatus.REJECTED)


class DataRefreshLog(Document):
    """One attempt to refresh an account's data; another attempt is another entry."""

    account_id: Annotated[DocumentId, Ref("Account", on_delete=OnDelete.CASCADE)]
    platform: Platform
    status: RefreshStatus = RefreshStatus.PENDING
    started_at: UtcDateTime | None = None
    completed_at: UtcDateTime | None = None
    error: str | None = None
    data_snapshot: Json | None = None

    account: ClassVar[One[Account]] = belongs_to("account_id")

    states: ClassVar[StateMachine | None] = StateMachine(
        "status",
        {
            RefreshStatus.PENDING: frozenset({RefreshStatus.IN_PROGRESS, RefreshStatus.FAILED}),
            RefreshStatus.IN_PROGRESS: frozenset({RefreshStatus.COMPLETED, RefreshStatus.FAILED}),
            RefreshStatus.COMPLETED: frozenset(),
            RefreshStatus.FAILED: frozenset(),
        },
    )
    indexes: ClassVar[Sequence[Index]] = (
        index("account_id", "-created_at", serves="the refreshes of an account, newest first"),
        index("status", "created_at", serves="refreshes of a status, oldest first: what waits, what hangs"),
    )

    async def start(self) -> Self:
        """The refresh begins.

        Raises:
            InvalidTransition: it began before.
        """
        return await self.move_to(RefreshStatus.IN_PROGRESS, started_at=utc_now())

    async def complete(self, snapshot: Json | None = None) -> Self:
        """The refresh is done; `snapshot` is the data as fetched.

        Raises:
            InvalidTransition: it is not in progress.
        """
        return await self.move_to(RefreshStatus.COMPLETED, completed_at=utc_now(), data_snapshot=snapshot)

    async def fail(self, error: str) -> Self:
        """The refresh ended without data, for a reason in words.

        Raises:
            InvalidTransition: it ended before.
        """
        return await self.move_to(RefreshStatus.FAILED, completed_at=utc_now(), error=error)
