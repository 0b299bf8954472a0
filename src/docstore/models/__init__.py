"""The domains' documents, one module or package each; every document, enum and event by name, and ALL of them listed.

Owns what the data is: fields, references, unique rules, indexes, states. How documents are kept belongs to
`documents/`, what follows from their changes to the services. To add a domain: one module, one line in ALL.
"""

from typing import Final

from docstore.documents import Document
from docstore.models.blog import (
    Author,
    ContactForm,
    ContentType,
    Idea,
    IdeaStage,
    IdeaStatus,
    NewsletterType,
    Post,
    PostPublished,
    PostStatus,
    Role,
    Tag,
    TagOnPost,
    WaitlistEntry,
)
from docstore.models.content import (
    Content,
    ContentKind,
    ContentStatus,
    MediaItem,
    MediaStatus,
    MediaType,
    MembershipStatus,
    Organization,
    OrganizationAccount,
    OrganizationMember,
    OrgRole,
)
from docstore.models.identity import MagicLink, OAuthAccount, Session, User, UserRole, VerificationToken
from docstore.models.newsletters import (
    EmailEvent,
    EmailRecipient,
    EmailSend,
    EmailSendStatus,
    Member,
    Newsletter,
    NewsletterAudience,
)
from docstore.models.notes import MediaKind, Note, NoteComment, NoteMedia, NoteStatistics
from docstore.models.operations import CrawlerJob, JobStatus, QueryLog
from docstore.models.reviews import (
    Account,
    Category,
    CategoryMapping,
    ClaimedAccount,
    ClaimStatus,
    Comment,
    CommentStatus,
    CommentVote,
    DataRefreshLog,
    Platform,
    RefreshStatus,
    Review,
    ReviewChanged,
    ReviewStatus,
    SaveToMyList,
    VerificationStatus,
    Vote,
    VoteType,
    YouTubeVideo,
)

BLOG: Final = (Author, Post, Tag, TagOnPost, Idea, ContactForm, WaitlistEntry)
NEWSLETTERS: Final = (Member, Newsletter, NewsletterAudience, EmailSend, EmailRecipient, EmailEvent)
REVIEWS: Final = (
    Category,
    Account,
    CategoryMapping,
    Review,
    Comment,
    Vote,
    CommentVote,
    SaveToMyList,
    YouTubeVideo,
    ClaimedAccount,
    DataRefreshLog,
)
IDENTITY: Final = (User, OAuthAccount, Session, MagicLink, VerificationToken)
NOTES: Final = (Note, NoteStatistics, NoteMedia, NoteComment)
CONTENT: Final = (Organization, OrganizationMember, OrganizationAccount, MediaItem, Content)
OPERATIONS: Final = (CrawlerJob, QueryLog)

ALL: Final[tuple[type[Document], ...]] = (
    *BLOG,
    *NEWSLETTERS,
    *REVIEWS,
    *IDENTITY,
    *NOTES,
    *CONTENT,
    *OPERATIONS,
)
"""Every document, domain by domain: what a Store binds by default."""

__all__ = [
    "ALL",
    "Account",
    "Author",
    "Category",
    "CategoryMapping",
    "ClaimStatus",
    "ClaimedAccount",
    "Comment",
    "CommentStatus",
    "CommentVote",
    "ContactForm",
    "Content",
    "ContentKind",
    "ContentStatus",
    "ContentType",
    "CrawlerJob",
    "DataRefreshLog",
    "EmailEvent",
    "EmailRecipient",
    "EmailSend",
    "EmailSendStatus",
    "Idea",
    "IdeaStage",
    "IdeaStatus",
    "JobStatus",
    "MagicLink",
    "MediaItem",
    "MediaKind",
    "MediaStatus",
    "MediaType",
    "Member",
    "MembershipStatus",
    "Newsletter",
    "NewsletterAudience",
    "NewsletterType",
    "Note",
    "NoteComment",
    "NoteMedia",
    "NoteStatistics",
    "OAuthAccount",
    "OrgRole",
    "Organization",
    "OrganizationAccount",
    "OrganizationMember",
    "Platform",
    "Post",
    "PostPublished",
    "PostStatus",
    "QueryLog",
    "RefreshStatus",
    "Review",
    "ReviewChanged",
    "ReviewStatus",
    "Role",
    "SaveToMyList",
    "Session",
    "Tag",
    "TagOnPost",
    "User",
    "UserRole",
    "VerificationStatus",
    "VerificationToken",
    "Vote",
    "VoteType",
    "WaitlistEntry",
    "YouTubeVideo",
]
