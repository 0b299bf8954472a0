"""Every document against the schema that other services write: fields, types, defaults, references, rules, indexes."""

import re
from datetime import datetime
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from bson import ObjectId
from pydantic import SecretStr
from pydantic.fields import FieldInfo

import docstore.models as models
from docstore.documents import Document, Json, OnDelete, TokenHash, utc_now
from docstore.documents.indexes import declared_indexes
from docstore.documents.references import references_of
from docstore.models import ALL

# Stored name, type and default in the notation "name: type[?] [= default]"; "name → Target RULE[?]" is a reference.
FIELDS = {
    "Author": "clerkId: str; name: str?; username: str?; email: str; imageUrl: str?; role: Role = WRITER",
    "Post": """title: str; content: str; featureImage: str?; postUrl: str; publishDate: datetime?; excerpt: str?;
        authorId → Author RESTRICT; contentType: ContentType = BLOG; contentPlatform: str?; featured: bool = false;
        status: PostStatus = DRAFT; metadataTitle: str?; metadataDescription: str?; metadataImageUrl: str?;
        metadataKeywords: str?; metadataAuthorName: str?; metadataCanonicalUrl: str?; metadataOgTitle: str?;
        metadataOgDescription: str?; metadataOgImage: str?; metadataTwitterCard: str?; metadataTwitterTitle: str?;
        metadataTwitterDescription: str?; metadataTwitterImage: str?; isNewsletter: bool = false;
        newsletterType: NewsletterType?; viewCount: int = 0; emailsSent: int = 0; emailsDelivered: int = 0;
        emailsOpened: int = 0; uniqueOpens: int = 0; broadcastIds: str[] = []""",
    "Tag": "slug: str; description: str?; imageUrl: str?",
    "TagOnPost": "postId → Post CASCADE; tagId → Tag CASCADE",
    "Idea": """title: str; description: str?; topics: str[] = []; status: IdeaStatus = NEW;
        currentStage: IdeaStage = ROUGH_IDEA; generatedOutline: str?; outlineContent: str?; scriptContent: str?;
        targetDate: datetime?; createdPostId → Post SET_NULL?; authorId → Author RESTRICT""",
    "ContactForm": "name: str; email: str; message: str",
    "WaitlistEntry": "email: str",
    "Member": """firstName: str?; lastName: str?; email: str; note: str?; unsubscribed: bool = false; openRate: str?;
        location: str?; imageUrl: str?; resendContactId: str?; totalEmailsReceived: int = 0;
        totalEmailsOpened: int = 0; totalEmailsClicked: int = 0; totalBounces: int = 0;
        lastEmailOpenedAt: datetime?; engagementScore: float?""",
    "Newsletter": "name: str; audienceId: str",
    "NewsletterAudience": "userId → User CASCADE; newsletterId → Newsletter CASCADE; subscribed: bool = true",
    "EmailSend": """resendEmailId: str?; broadcastId: str?; postId → Post SET_NULL?; subject: str; fromEmail: str;
        sentAt: datetime?; status: EmailSendStatus = SENT; deliveredAt: datetime?; openedAt: datetime?;
        clickedAt: datetime?; bouncedAt: datetime?; lastEventAt: datetime?""",
    "EmailRecipient": """emailSendId → EmailSend CASCADE; memberId → Member SET_NULL?; email: str;
        delivered: bool = false; opened: bool = false; clicked: bool = false; bounced: bool = false;
        openCount: int = 0; clickCount: int = 0; firstOpenedAt: datetime?; lastOpenedAt: datetime?""",
    "EmailEvent": """emailSendId → EmailSend CASCADE; eventType: str; eventId: str; recipientEmail: str?;
        linkUrl: str?; rawPayload: str; processedAt: datetime = now""",
    "Category": """name: str; slug: str; shortDescription: str?; longDescription: str?; keywords: str[] = [];
        parentId → Category RESTRICT?; popular: bool = false; depth: int = 0""",
    "Account": """platform: Platform; accountId: str; handle: str?; name: str?; name_en: str?; followerCount: int?;
        imageUrl: str?; bannerUrl: str?; country: str?; description: str?; description_en: str?; keywords: str?;
        keywords_en: str?; ytData: json?; redditData: json?; xData: json?; tiktokData: json?; twitchData: json?;
        instagramData: json?; isSeeded: bool = false; isSuspended: bool = false; ranking: json?;
        language_code: str?; lang_confidence_score: float?; rating: float?; reviewCount: int?;
        isSubCategoryFailed: bool? = false; isCategoryFailed: bool? = false; isTranslationFailed: bool? = false;
        lastIndexedAt: datetime?; videoFetch: bool?; lastDataRefresh: datetime?""",
    "CategoryMapping": "accountId → Account CASCADE; categoryId → Category CASCADE",
    "Review": """title: str; stars: int; content: str?; contentUrl: str?; redditMetadata: json?;
        authorId → User RESTRICT; accountId → Account CASCADE; platform: Platform;
        verificationStatus: VerificationStatus = IN_PROGRESS; isEdited: bool = false; editHistory: json?;
        status: ReviewStatus = PUBLISHED; reportCount: int = 0; viewCount: int = 0; lastActivityAt: datetime = now""",
    "Comment": """content: json?; authorId → User RESTRICT; reviewId → Review CASCADE; replyToId → Comment CASCADE?;
        verificationStatus: VerificationStatus = IN_PROGRESS; isEdited: bool = false; editHistory: json?;
        status: CommentStatus = PUBLISHED; reportCount: int = 0""",
    "Vote": "userId → User CASCADE; reviewId → Review CASCADE; type: VoteType",
    "CommentVote": "userId → User CASCADE; commentId → Comment CASCADE; type: VoteType",
    "SaveToMyList": "userId → User CASCADE; accountId → Account CASCADE",
    "YouTubeVideo": """videoId: str; accountId → Account CASCADE; title: str; description: str?; channelId: str?;
        channelTitle: str?; playlistId: str?; position: int?; privacyStatus: str?; thumbnails: json?;
        viewCount: int = 0; likeCount: int = 0; duration: str?; publishedAt: datetime; videoPublishedAt: datetime?;
        lastFetchedAt: datetime = now""",
    "ClaimedAccount": """userId → User CASCADE; accountId → Account CASCADE; platform: Platform;
        claimedAt: datetime = now; verifiedAt: datetime?; verificationMethod: str?; status: ClaimStatus = PENDING""",
    "DataRefreshLog": """accountId → Account CASCADE; platform: Platform; status: RefreshStatus = PENDING;
        startedAt: datetime?; completedAt: datetime?; error: str?; dataSnapshot: json?""",
    "User": """email: str; clerkId: str?; resendId: str?; firstName: str?; lastName: str?; name: str?;
        username: str?; avatar: str?; bio: str?; role: UserRole[] = [USER]; isActive: bool = true;
        emailVerified: bool = false; lastLoginAt: datetime?; webhookPayload: json?""",
    "OAuthAccount": """providerId: str; accountId: str; userId → User CASCADE; accessToken: secret?;
        refreshToken: secret?; idToken: secret?; accessTokenExpiresAt: datetime?; refreshTokenExpiresAt: datetime?;
        scope: str?""",
    "Session": """accessToken: token; refreshToken: token?; expiresAt: datetime; userId → User CASCADE;
        ipAddress: str?; userAgent: str?""",
    "MagicLink": "token: token; email: str; expiresAt: datetime; usedAt: datetime?; userId → User CASCADE?",
    "VerificationToken": "identifier: str; value: token; expiresAt: datetime",
    "Note": """title: str; content: str; slug: str; published: bool = false; publishedAt: datetime?;
        authorId → User CASCADE; tags: str[] = []; metadata: json?""",
    "NoteStatistics": """noteId → Note CASCADE; viewCount: int = 0; likeCount: int = 0; shareCount: int = 0;
        commentCount: int = 0""",
    "NoteMedia": """noteId → Note CASCADE; url: str; type: MediaKind; mimeType: str?; size: int?; width: int?;
        height: int?; alt: str?; order: int = 0""",
    "NoteComment": """content: str; noteId → Note CASCADE; authorId → User CASCADE;
        parentId → NoteComment CASCADE?""",
    "Organization": "name: str; slug: str; description: str?; logoUrl: str?; websiteUrl: str?",
    "OrganizationMember": """organizationId → Organization CASCADE; userId → User CASCADE; role: OrgRole = MEMBER;
        status: MembershipStatus = ACTIVE; invitedBy → User SET_NULL?; joinedAt: datetime = now""",
    "OrganizationAccount": """organizationId → Organization CASCADE; accountId → Account CASCADE;
        addedAt: datetime = now""",
    "MediaItem": """creatorId → User RESTRICT; title: str; description: str?; mediaType: MediaType;
        status: MediaStatus = UPLOADING; r2Key: str; fileSizeBytes: int?; mimeType: str?; durationSeconds: int?;
        width: int?; height: int?; hlsMasterPlaylistKey: str?; thumbnailKey: str?; waveformKey: str?;
        uploadedAt: datetime?""",
    "Content": """creatorId → User RESTRICT; organizationId → Organization SET_NULL?;
        mediaItemId → MediaItem SET_NULL?; title: str; slug: str; description: str?; contentType: ContentKind;
        status: ContentStatus = DRAFT; publishedAt: datetime?; featured: bool = false; category: str?;
        priceCents: int?; viewCount: int = 0; purchaseCount: int = 0""",
    "CrawlerJob": """url: str; status: JobStatus = PENDING; priority: int = 0; attempts: int = 0;
        maxAttempts: int = 3; error: str?; result: json?; metadata: json?; scheduledAt: datetime?;
        startedAt: datetime?; completedAt: datetime?""",
    "QueryLog": """query: str; params: json?; duration: float; userId: str?; ipAddress: str?; userAgent: str?;
        timestamp: datetime""",
}

# Unique rules by stored fields; "?" marks "unique when set".
UNIQUE = {
    "Author": ["clerkId", "email", "username?"],
    "Post": ["postUrl"],
    "Tag": ["slug"],
    "TagOnPost": ["postId tagId"],
    "WaitlistEntry": ["email"],
    "Member": ["email", "resendContactId?"],
    "Newsletter": ["name"],
    "NewsletterAudience": ["userId newsletterId"],
    "EmailSend": ["resendEmailId?"],
    "EmailRecipient": ["emailSendId email"],
    "EmailEvent": ["eventId"],
    "Category": ["slug"],
    "Account": ["platform accountId"],
    "CategoryMapping": ["accountId categoryId"],
    "Vote": ["userId reviewId"],
    "CommentVote": ["userId commentId"],
    "SaveToMyList": ["userId accountId"],
    "YouTubeVideo": ["accountId videoId"],
    "ClaimedAccount": ["userId accountId"],
    "User": ["email", "clerkId?", "username?"],
    "OAuthAccount": ["providerId accountId"],
    "Session": ["accessToken", "refreshToken?"],
    "MagicLink": ["token"],
    "VerificationToken": ["identifier value"],
    "Note": ["slug"],
    "NoteStatistics": ["noteId"],
    "Organization": ["slug"],
    "OrganizationMember": ["organizationId userId"],
    "OrganizationAccount": ["organizationId accountId"],
    "Content": ["slug organizationId?", "slug creatorId"],
}

# Stored fields by which documents are sorted or looked up: each leads an index.
LEADING = {
    "Author": "name role",
    "Post": "featured publishDate status title createdAt updatedAt authorId postUrl",
    "Idea": "status currentStage authorId createdAt targetDate",
    "ContactForm": "email name createdAt",
    "WaitlistEntry": "createdAt",
    "Member": "firstName lastName createdAt updatedAt engagementScore",
    "Newsletter": "audienceId",
    "NewsletterAudience": "subscribed",
    "EmailSend": "postId status sentAt broadcastId",
    "EmailRecipient": "memberId email",
    "EmailEvent": "emailSendId eventType",
    "Category": "name parentId popular keywords",
    "Note": "authorId published publishedAt createdAt",
    "NoteStatistics": "viewCount likeCount",
    "NoteMedia": "noteId type",
    "NoteComment": "noteId authorId parentId createdAt",
    "Content": "creatorId organizationId mediaItemId status publishedAt",
    "CrawlerJob": "status",
    "QueryLog": "userId timestamp duration",
}

ENUMS = {
    "PostStatus": "DRAFT PUBLISHED SCHEDULED ARCHIVED DELETED",
    "NewsletterType": "PERSONAL COMPANY",
    "ContentType": "BLOG GLOSSARY NEWSLETTER LEGAL",
    "Role": "ADMIN OWNER WRITER",
    "IdeaStage": "ROUGH_IDEA OUTLINE SCRIPT READY",
    "IdeaStatus": "NEW IN_PROGRESS DRAFT_CREATED ARCHIVED",
    "EmailSendStatus": "SENT DELIVERED OPENED CLICKED BOUNCED COMPLAINED FAILED",
    "Platform": "YOUTUBE TWITTER INSTAGRAM REDDIT TIKTOK TWITCH",
    "ReviewStatus": "PUBLISHED DRAFT DELETED PENDING HIDDEN FLAGGED",
    "CommentStatus": "PUBLISHED DELETED PENDING HIDDEN FLAGGED",
    "VerificationStatus": "IN_PROGRESS VERIFIED REJECTED NOT_VERIFIED FLAGGED SPAM BOT",
    "VoteType": "UPVOTE DOWNVOTE",
    "ClaimStatus": "PENDING VERIFIED REJECTED",
    "RefreshStatus": "PENDING IN_PROGRESS COMPLETED FAILED",
    "UserRole": "USER ADMIN WRITER CREATOR BRAND",
    "MediaKind": "IMAGE VIDEO AUDIO FILE",
    "OrgRole": "OWNER ADMIN MEMBER CREATOR SUBSCRIBER",
    "MembershipStatus": "ACTIVE INACTIVE INVITED",
    "MediaType": "VIDEO AUDIO",
    "MediaStatus": "UPLOADING UPLOADED TRANSCODING READY FAILED",
    "ContentKind": "VIDEO AUDIO WRITTEN",
    "ContentStatus": "DRAFT PUBLISHED ARCHIVED",
    "JobStatus": "PENDING RUNNING COMPLETED FAILED",
}

BASE_FIELDS = set(Document.model_fields)

every_model = pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)


def own_fields(model: type[Document]) -> dict[str, FieldInfo]:
    return {name: info for name, info in model.model_fields.items() if name in FIELDS_OF[model.__name__]}


def snake(stored: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", stored).lower()


def entries(notation: str) -> dict[str, str]:
    """Stored name → the rest of its entry, blanks normalised."""
    found = {}
    for entry in " ".join(notation.split()).split("; "):
        name, rest = re.fullmatch(r"(\w+):? (.*)", entry).groups()  # type: ignore[union-attr]  # the table is ours
        found[name] = rest
    return found


FIELDS_OF = {
    model: {snake(stored): (stored, text) for stored, text in entries(text_of).items()}
    for model, text_of in FIELDS.items()
}


def type_name(annotation: Any) -> str:
    if annotation == Json:
        return "json"
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if get_origin(annotation) is list:
        return f"{type_name(get_args(annotation)[0])}[]"
    names = {TokenHash: "token", SecretStr: "secret", datetime: "datetime"}
    return names.get(annotation) or annotation.__name__


def without_none(annotation: Any) -> tuple[Any, bool]:
    arguments = get_args(annotation)
    if NoneType not in arguments or annotation == Json:
        return annotation, False
    rest = tuple(each for each in arguments if each is not NoneType)
    return (rest[0] if len(rest) == 1 else Union[rest]), True  # noqa: UP007 - built from values


def default_text(info: FieldInfo) -> str:
    if info.is_required():
        return ""
    if info.default_factory is utc_now:
        return " = now"
    default = info.get_default(call_default_factory=True, validated_data={})
    if default is None:
        return ""
    if isinstance(default, list):
        return f" = [{' '.join(str(each) for each in default)}]"
    return f" = {str(default).lower() if isinstance(default, bool) else default}"


def described(model: type[Document], name: str, info: FieldInfo) -> str:
    for reference in references_of(model):
        if reference.attribute == name:
            mark = "?" if reference.optional else ""
            return f"→ {reference.target} {reference.on_delete.name}{mark}"
    inner, optional = without_none(info.annotation)
    return f"{type_name(inner)}{'?' if optional else ''}{default_text(info)}"


def test_all_lists_exactly_the_documents_of_the_schema() -> None:
    assert sorted(model.__name__ for model in ALL) == sorted(FIELDS)


@every_model
def test_fields_types_and_defaults(model: type[Document]) -> None:
    declared = {
        info.alias or name: described(model, name, info)
        for name, info in model.model_fields.items()
        if name not in BASE_FIELDS
    }
    assert declared == entries(FIELDS[model.__name__])


@every_model
def test_attributes_are_snake_case(model: type[Document]) -> None:
    assert set(model.model_fields) - BASE_FIELDS == set(FIELDS_OF[model.__name__])


@every_model
def test_optional_fields_default_to_none_and_required_ones_have_no_default(model: type[Document]) -> None:
    for info in own_fields(model).values():
        if without_none(info.annotation)[1]:
            assert not info.is_required()


@every_model
def test_unique_rules(model: type[Document]) -> None:
    declared = []
    for index in declared_indexes(model):
        if index.unique:
            stored = [stored_name(model, name) + "?" * (name in index.when_set) for name in index.attributes]
            declared.append(" ".join(stored))
    assert sorted(declared) == sorted(UNIQUE.get(model.__name__, []))


@every_model
def test_schema_indexes_and_references_lead_an_index(model: type[Document]) -> None:
    leading = {
        stored_name(model, index.attributes[0].lstrip("-"))
        for index in declared_indexes(model)
        if not index.when_set and not index.where
    }
    references = {reference.field for reference in references_of(model)}
    assert leading >= {*LEADING.get(model.__name__, "").split(), *references}


@every_model
def test_every_index_is_well_formed_named_apart_and_says_what_it_serves(model: type[Document]) -> None:
    declared = declared_indexes(model)
    documents = [index.to_index_model(model).document for index in declared]
    names = [document["name"] for document in documents]
    assert len(set(names)) == len(names)
    assert all(len(f"{model.__name__}.{name}") < 120 for name in names)
    assert all(len(index.serves) > 10 for index in declared)


@every_model
def test_no_index_is_a_prefix_of_another(model: type[Document]) -> None:
    plain = [index.attributes for index in declared_indexes(model) if not index.unique and index.expire_after is None]
    for one in plain:
        assert not any(one != other and other[: len(one)] == one for other in plain), one


@every_model
def test_references_name_documents_of_the_schema(model: type[Document]) -> None:
    for reference in references_of(model):
        assert reference.target in FIELDS
        assert reference.optional or reference.on_delete is not OnDelete.SET_NULL


@every_model
def test_sensitive_names_are_attributes_and_cover_every_token_and_secret(model: type[Document]) -> None:
    secret = {
        name
        for name, info in model.model_fields.items()
        if type_name(without_none(info.annotation)[0]) in ("token", "secret")
    }
    assert secret <= model.sensitive <= set(model.model_fields)


@every_model
def test_state_machines_cover_every_state(model: type[Document]) -> None:
    if model.states is None:
        return
    annotation = model.model_fields[model.states.field].annotation
    assert isinstance(annotation, type)
    assert issubclass(annotation, StrEnum)
    assert set(model.states.steps) == set(annotation)


@every_model
def test_whole_numbers_written_as_doubles_are_read(model: type[Document]) -> None:
    doubles = {stored: 3.0 for stored, text in FIELDS_OF[model.__name__].values() if text.startswith("int")}
    loaded = model.model_validate({"_id": ObjectId(), **doubles})
    for attribute, (stored, _) in FIELDS_OF[model.__name__].items():
        if stored in doubles:
            assert getattr(loaded, attribute) == 3
            assert type(getattr(loaded, attribute)) is int


@pytest.mark.parametrize("name", ENUMS)
def test_enums(name: str) -> None:
    enum = getattr(models, name)
    assert issubclass(enum, StrEnum)
    assert [member.value for member in enum] == ENUMS[name].split()
    assert all(member.name == member.value for member in enum)


def test_everything_public_is_named_and_importable() -> None:
    assert sorted(models.__all__) == sorted({*FIELDS, *ENUMS, "PostPublished", "ReviewChanged", "ALL"})
    assert all(hasattr(models, name) for name in models.__all__)


def test_the_models_search_ratings_and_caches_depend_on_announce_their_changes() -> None:
    announcing = {model.__name__ for model in ALL if model.announces}
    assert announcing == {
        "Account",
        "Author",
        "Category",
        "CategoryMapping",
        "Post",
        "Review",
        "Tag",
        "TagOnPost",
    }


def stored_name(model: type[Document], attribute: str) -> str:
    return model.model_fields[attribute].alias or attribute
