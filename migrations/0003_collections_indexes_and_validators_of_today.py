"""Collections, indexes and validators of today."""

from bson import ObjectId

from docstore.schema.migrations import Migration

description = "collections, indexes and validators of today"


async def up(m: Migration) -> None:
    await m.create_collection("Account")
    await m.create_collection("Author")
    await m.create_collection("Category")
    await m.create_collection("CategoryMapping")
    await m.create_collection("ClaimedAccount")
    await m.create_collection("Comment")
    await m.create_collection("CommentVote")
    await m.create_collection("ContactForm")
    await m.create_collection("Content")
    await m.create_collection("CrawlerJob")
    await m.create_collection("DataRefreshLog")
    await m.create_collection("EmailEvent")
    await m.create_collection("EmailRecipient")
    await m.create_collection("EmailSend")
    await m.create_collection("Idea")
    await m.create_collection("MagicLink")
    await m.create_collection("MediaItem")
    await m.create_collection("Member")
    await m.create_collection("Newsletter")
    await m.create_collection("NewsletterAudience")
    await m.create_collection("Note")
    await m.create_collection("NoteComment")
    await m.create_collection("NoteMedia")
    await m.create_collection("NoteStatistics")
    await m.create_collection("OAuthAccount")
    await m.create_collection("Organization")
    await m.create_collection("OrganizationAccount")
    await m.create_collection("OrganizationMember")
    await m.create_collection("Post")
    await m.create_collection("QueryLog")
    await m.create_collection("Review")
    await m.create_collection("SaveToMyList")
    await m.create_collection("Session")
    await m.create_collection("Tag")
    await m.create_collection("TagOnPost")
    await m.create_collection("User")
    await m.create_collection("VerificationToken")
    await m.create_collection("Vote")
    await m.create_collection("WaitlistEntry")
    await m.create_collection("YouTubeVideo")
    await m.create_index("Account", [("lastIndexedAt", 1)], name="ix_lastIndexedAt")
    await m.create_index("Account", [("platform", 1), ("followerCount", -1)], name="ix_platform_followerCount_desc")
    await m.create_index("Account", [("platform", 1), ("handle", 1)], name="ix_platform_handle")
    await m.create_index("Account", [("platform", 1), ("lastDataRefresh", 1)], name="ix_platform_lastDataRefresh")
    await m.create_index(
        "Account",
        [("platform", 1), ("rating", -1), ("reviewCount", -1)],
        name="ix_platform_rating_desc_reviewCount_desc",
    )
    await m.create_index("Account", [("platform", 1), ("reviewCount", -1)], name="ix_platform_reviewCount_desc")
    await m.create_index(
        "Account",
        [("platform", 1), ("accountId", 1)],
        name="uq_platform_accountId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("Author", [("name", 1)], name="ix_name")
    await m.create_index("Author", [("role", 1)], name="ix_role")
    await m.create_index(
        "Author",
        [("clerkId", 1)],
        name="uq_clerkId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index(
        "Author",
        [("email", 1)],
        name="uq_email",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index(
        "Author",
        [("username", 1)],
        name="uq_username",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}, "username": {"$gt": ""}},
    )
    await m.create_index("Category", [("keywords", 1)], name="ix_keywords")
    await m.create_index("Category", [("name", 1)], name="ix_name")
    await m.create_index("Category", [("parentId", 1), ("name", 1)], name="ix_parentId_name")
    await m.create_index("Category", [("popular", 1), ("name", 1)], name="ix_popular_name")
    await m.create_index(
        "Category",
        [("slug", 1)],
        name="uq_slug",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("CategoryMapping", [("accountId", 1)], name="ix_accountId")
    await m.create_index("CategoryMapping", [("categoryId", 1)], name="ix_categoryId")
    await m.create_index(
        "CategoryMapping",
        [("accountId", 1), ("categoryId", 1)],
        name="uq_accountId_categoryId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("ClaimedAccount", [("accountId", 1)], name="ix_accountId")
    await m.create_index("ClaimedAccount", [("status", 1), ("claimedAt", 1)], name="ix_status_claimedAt")
    await m.create_index("ClaimedAccount", [("userId", 1)], name="ix_userId")
    await m.create_index(
        "ClaimedAccount",
        [("userId", 1), ("accountId", 1)],
        name="uq_userId_accountId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("Comment", [("authorId", 1), ("createdAt", -1)], name="ix_authorId_createdAt_desc")
    await m.create_index("Comment", [("replyToId", 1), ("createdAt", 1)], name="ix_replyToId_createdAt")
    await m.create_index(
        "Comment", [("reviewId", 1), ("status", 1), ("createdAt", 1)], name="ix_reviewId_status_createdAt"
    )
    await m.create_index(
        "Comment", [("verificationStatus", 1), ("createdAt", 1)], name="ix_verificationStatus_createdAt"
    )
    await m.create_index("CommentVote", [("commentId", 1), ("type", 1)], name="ix_commentId_type")
    await m.create_index("CommentVote", [("userId", 1)], name="ix_userId")
    await m.create_index(
        "CommentVote",
        [("userId", 1), ("commentId", 1)],
        name="uq_userId_commentId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("ContactForm", [("createdAt", -1)], name="ix_createdAt_desc")
    await m.create_index("ContactForm", [("email", 1)], name="ix_email")
    await m.create_index("ContactForm", [("name", 1)], name="ix_name")
    await m.create_index(
        "Content", [("creatorId", 1), ("status", 1), ("publishedAt", -1)], name="ix_creatorId_status_publishedAt_desc"
    )
    await m.create_index("Content", [("mediaItemId", 1)], name="ix_mediaItemId")
    await m.create_index(
        "Content",
        [("organizationId", 1), ("status", 1), ("publishedAt", -1)],
        name="ix_organizationId_status_publishedAt_desc",
    )
    await m.create_index("Content", [("publishedAt", -1)], name="ix_publishedAt_desc")
    await m.create_index("Content", [("status", 1), ("publishedAt", -1)], name="ix_status_publishedAt_desc")
    await m.create_index(
        "Content",
        [("slug", 1), ("creatorId", 1)],
        name="uq_slug_creatorId_no_organizationId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}, "organizationId": None},
    )
    await m.create_index(
        "Content",
        [("slug", 1), ("organizationId", 1)],
        name="uq_slug_organizationId",
        unique=True,
        partialFilterExpression={
            "deletedAt": None,
            "isDeleted": {"$in": [False, None]},
            "organizationId": {"$gte": ObjectId("000000000000000000000000")},
        },
    )
    await m.create_index(
        "CrawlerJob", [("status", 1), ("priority", -1), ("createdAt", 1)], name="ix_status_priority_desc_createdAt"
    )
    await m.create_index("CrawlerJob", [("status", 1), ("startedAt", 1)], name="ix_status_startedAt")
    await m.create_index("CrawlerJob", [("url", 1)], name="ix_url")
    await m.create_index("DataRefreshLog", [("accountId", 1), ("createdAt", -1)], name="ix_accountId_createdAt_desc")
    await m.create_index("DataRefreshLog", [("status", 1), ("createdAt", 1)], name="ix_status_createdAt")
    await m.create_index("EmailEvent", [("emailSendId", 1), ("processedAt", 1)], name="ix_emailSendId_processedAt")
    await m.create_index("EmailEvent", [("eventType", 1), ("processedAt", -1)], name="ix_eventType_processedAt_desc")
    await m.create_index(
        "EmailEvent",
        [("eventId", 1)],
        name="uq_eventId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("EmailRecipient", [("email", 1)], name="ix_email")
    await m.create_index("EmailRecipient", [("emailSendId", 1)], name="ix_emailSendId")
    await m.create_index("EmailRecipient", [("memberId", 1), ("createdAt", -1)], name="ix_memberId_createdAt_desc")
    await m.create_index(
        "EmailRecipient",
        [("emailSendId", 1), ("email", 1)],
        name="uq_emailSendId_email",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("EmailSend", [("broadcastId", 1)], name="ix_broadcastId")
    await m.create_index("EmailSend", [("postId", 1), ("sentAt", -1)], name="ix_postId_sentAt_desc")
    await m.create_index("EmailSend", [("sentAt", -1)], name="ix_sentAt_desc")
    await m.create_index("EmailSend", [("status", 1), ("sentAt", -1)], name="ix_status_sentAt_desc")
    await m.create_index(
        "EmailSend",
        [("resendEmailId", 1)],
        name="uq_resendEmailId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}, "resendEmailId": {"$gt": ""}},
    )
    await m.create_index("Idea", [("authorId", 1), ("createdAt", -1)], name="ix_authorId_createdAt_desc")
    await m.create_index("Idea", [("createdAt", -1)], name="ix_createdAt_desc")
    await m.create_index("Idea", [("createdPostId", 1)], name="ix_createdPostId")
    await m.create_index("Idea", [("currentStage", 1), ("createdAt", -1)], name="ix_currentStage_createdAt_desc")
    await m.create_index("Idea", [("status", 1), ("createdAt", -1)], name="ix_status_createdAt_desc")
    await m.create_index("Idea", [("targetDate", 1)], name="ix_targetDate")
    await m.create_index("MagicLink", [("email", 1), ("createdAt", -1)], name="ix_email_createdAt_desc")
    await m.create_index("MagicLink", [("userId", 1)], name="ix_userId")
    await m.create_index(
        "MagicLink",
        [("token", 1)],
        name="uq_token",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("MediaItem", [("creatorId", 1), ("createdAt", -1)], name="ix_creatorId_createdAt_desc")
    await m.create_index("MediaItem", [("status", 1), ("createdAt", 1)], name="ix_status_createdAt")
    await m.create_index("Member", [("createdAt", -1)], name="ix_createdAt_desc")
    await m.create_index("Member", [("engagementScore", -1)], name="ix_engagementScore_desc")
    await m.create_index("Member", [("firstName", 1)], name="ix_firstName")
    await m.create_index("Member", [("lastName", 1)], name="ix_lastName")
    await m.create_index("Member", [("unsubscribed", 1), ("_id", 1)], name="ix_unsubscribed__id")
    await m.create_index("Member", [("updatedAt", -1)], name="ix_updatedAt_desc")
    await m.create_index(
        "Member",
        [("email", 1)],
        name="uq_email",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index(
        "Member",
        [("resendContactId", 1)],
        name="uq_resendContactId",
        unique=True,
        partialFilterExpression={
            "deletedAt": None,
            "isDeleted": {"$in": [False, None]},
            "resendContactId": {"$gt": ""},
        },
    )
    await m.create_index("Newsletter", [("audienceId", 1)], name="ix_audienceId")
    await m.create_index(
        "Newsletter",
        [("name", 1)],
        name="uq_name",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index(
        "NewsletterAudience", [("newsletterId", 1), ("subscribed", 1)], name="ix_newsletterId_subscribed"
    )
    await m.create_index("NewsletterAudience", [("subscribed", 1)], name="ix_subscribed")
    await m.create_index("NewsletterAudience", [("userId", 1)], name="ix_userId")
    await m.create_index(
        "NewsletterAudience",
        [("userId", 1), ("newsletterId", 1)],
        name="uq_userId_newsletterId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("Note", [("authorId", 1), ("createdAt", -1)], name="ix_authorId_createdAt_desc")
    await m.create_index("Note", [("createdAt", -1)], name="ix_createdAt_desc")
    await m.create_index("Note", [("publishedAt", -1)], name="ix_publishedAt_desc")
    await m.create_index("Note", [("published", 1), ("publishedAt", -1)], name="ix_published_publishedAt_desc")
    await m.create_index(
        "Note",
        [("slug", 1)],
        name="uq_slug",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("NoteComment", [("authorId", 1), ("createdAt", -1)], name="ix_authorId_createdAt_desc")
    await m.create_index("NoteComment", [("createdAt", -1)], name="ix_createdAt_desc")
    await m.create_index("NoteComment", [("noteId", 1), ("createdAt", 1)], name="ix_noteId_createdAt")
    await m.create_index("NoteComment", [("parentId", 1), ("createdAt", 1)], name="ix_parentId_createdAt")
    await m.create_index("NoteMedia", [("noteId", 1), ("order", 1)], name="ix_noteId_order")
    await m.create_index("NoteMedia", [("type", 1), ("createdAt", -1)], name="ix_type_createdAt_desc")
    await m.create_index("NoteStatistics", [("likeCount", -1)], name="ix_likeCount_desc")
    await m.create_index("NoteStatistics", [("noteId", 1)], name="ix_noteId")
    await m.create_index("NoteStatistics", [("viewCount", -1)], name="ix_viewCount_desc")
    await m.create_index(
        "NoteStatistics",
        [("noteId", 1)],
        name="uq_noteId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("OAuthAccount", [("userId", 1)], name="ix_userId")
    await m.create_index(
        "OAuthAccount",
        [("providerId", 1), ("accountId", 1)],
        name="uq_providerId_accountId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index(
        "Organization",
        [("slug", 1)],
        name="uq_slug",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("OrganizationAccount", [("accountId", 1)], name="ix_accountId")
    await m.create_index("OrganizationAccount", [("organizationId", 1)], name="ix_organizationId")
    await m.create_index(
        "OrganizationAccount",
        [("organizationId", 1), ("accountId", 1)],
        name="uq_organizationId_accountId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("OrganizationMember", [("invitedBy", 1)], name="ix_invitedBy")
    await m.create_index("OrganizationMember", [("organizationId", 1)], name="ix_organizationId")
    await m.create_index("OrganizationMember", [("userId", 1), ("status", 1)], name="ix_userId_status")
    await m.create_index(
        "OrganizationMember",
        [("organizationId", 1), ("userId", 1)],
        name="uq_organizationId_userId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("Post", [("authorId", 1), ("createdAt", -1)], name="ix_authorId_createdAt_desc")
    await m.create_index("Post", [("createdAt", -1)], name="ix_createdAt_desc")
    await m.create_index("Post", [("featured", 1), ("publishDate", -1)], name="ix_featured_publishDate_desc")
    await m.create_index("Post", [("postUrl", 1)], name="ix_postUrl")
    await m.create_index("Post", [("publishDate", -1)], name="ix_publishDate_desc")
    await m.create_index(
        "Post",
        [("status", 1), ("contentType", 1), ("publishDate", -1), ("_id", -1)],
        name="ix_status_contentType_publishDate_desc__id_desc",
    )
    await m.create_index(
        "Post", [("status", 1), ("publishDate", -1), ("_id", -1)], name="ix_status_publishDate_desc__id_desc"
    )
    await m.create_index("Post", [("title", 1)], name="ix_title")
    await m.create_index("Post", [("updatedAt", -1)], name="ix_updatedAt_desc")
    await m.create_index(
        "Post",
        [("postUrl", 1)],
        name="uq_postUrl_when_status",
        unique=True,
        partialFilterExpression={
            "deletedAt": None,
            "isDeleted": {"$in": [False, None]},
            "status": {"$in": ["DRAFT", "PUBLISHED", "SCHEDULED", "ARCHIVED", None]},
        },
    )
    await m.create_index("QueryLog", [("duration", -1)], name="ix_duration_desc")
    await m.create_index("QueryLog", [("timestamp", 1)], name="ix_timestamp", expireAfterSeconds=2592000)
    await m.create_index("QueryLog", [("userId", 1), ("timestamp", -1)], name="ix_userId_timestamp_desc")
    await m.create_index(
        "Review", [("accountId", 1), ("status", 1), ("createdAt", -1)], name="ix_accountId_status_createdAt_desc"
    )
    await m.create_index("Review", [("authorId", 1), ("createdAt", -1)], name="ix_authorId_createdAt_desc")
    await m.create_index("Review", [("status", 1), ("createdAt", -1)], name="ix_status_createdAt_desc")
    await m.create_index("Review", [("status", 1), ("lastActivityAt", -1)], name="ix_status_lastActivityAt_desc")
    await m.create_index(
        "Review", [("verificationStatus", 1), ("createdAt", 1)], name="ix_verificationStatus_createdAt"
    )
    await m.create_index("SaveToMyList", [("accountId", 1)], name="ix_accountId")
    await m.create_index("SaveToMyList", [("userId", 1), ("createdAt", -1)], name="ix_userId_createdAt_desc")
    await m.create_index(
        "SaveToMyList",
        [("userId", 1), ("accountId", 1)],
        name="uq_userId_accountId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("Session", [("expiresAt", 1)], name="ix_expiresAt", expireAfterSeconds=0)
    await m.create_index("Session", [("userId", 1)], name="ix_userId")
    await m.create_index(
        "Session",
        [("accessToken", 1)],
        name="uq_accessToken",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index(
        "Session",
        [("refreshToken", 1)],
        name="uq_refreshToken",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}, "refreshToken": {"$gt": ""}},
    )
    await m.create_index(
        "Tag",
        [("slug", 1)],
        name="uq_slug",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("TagOnPost", [("postId", 1)], name="ix_postId")
    await m.create_index("TagOnPost", [("tagId", 1)], name="ix_tagId")
    await m.create_index(
        "TagOnPost",
        [("postId", 1), ("tagId", 1)],
        name="uq_postId_tagId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index(
        "User",
        [("clerkId", 1)],
        name="uq_clerkId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}, "clerkId": {"$gt": ""}},
    )
    await m.create_index(
        "User",
        [("email", 1)],
        name="uq_email",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index(
        "User",
        [("username", 1)],
        name="uq_username",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}, "username": {"$gt": ""}},
    )
    await m.create_index(
        "VerificationToken",
        [("identifier", 1), ("value", 1)],
        name="uq_identifier_value",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("Vote", [("reviewId", 1), ("type", 1)], name="ix_reviewId_type")
    await m.create_index("Vote", [("userId", 1)], name="ix_userId")
    await m.create_index(
        "Vote",
        [("userId", 1), ("reviewId", 1)],
        name="uq_userId_reviewId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("WaitlistEntry", [("createdAt", 1)], name="ix_createdAt")
    await m.create_index(
        "WaitlistEntry",
        [("email", 1)],
        name="uq_email",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.create_index("YouTubeVideo", [("accountId", 1), ("publishedAt", -1)], name="ix_accountId_publishedAt_desc")
    await m.create_index("YouTubeVideo", [("lastFetchedAt", 1)], name="ix_lastFetchedAt")
    await m.create_index(
        "YouTubeVideo",
        [("accountId", 1), ("videoId", 1)],
        name="uq_accountId_videoId",
        unique=True,
        partialFilterExpression={"deletedAt": None, "isDeleted": {"$in": [False, None]}},
    )
    await m.set_validator("Account", "0003")
    await m.set_validator("Author", "0003")
    await m.set_validator("Category", "0003")
    await m.set_validator("CategoryMapping", "0003")
    await m.set_validator("ClaimedAccount", "0003")
    await m.set_validator("Comment", "0003")
    await m.set_validator("CommentVote", "0003")
    await m.set_validator("ContactForm", "0003")
    await m.set_validator("Content", "0003")
    await m.set_validator("CrawlerJob", "0003")
    await m.set_validator("DataRefreshLog", "0003")
    await m.set_validator("EmailEvent", "0003")
    await m.set_validator("EmailRecipient", "0003")
    await m.set_validator("EmailSend", "0003")
    await m.set_validator("Idea", "0003")
    await m.set_validator("MagicLink", "0003")
    await m.set_validator("MediaItem", "0003")
    await m.set_validator("Member", "0003")
    await m.set_validator("Newsletter", "0003")
    await m.set_validator("NewsletterAudience", "0003")
    await m.set_validator("Note", "0003")
    await m.set_validator("NoteComment", "0003")
    await m.set_validator("NoteMedia", "0003")
    await m.set_validator("NoteStatistics", "0003")
    await m.set_validator("OAuthAccount", "0003")
    await m.set_validator("Organization", "0003")
    await m.set_validator("OrganizationAccount", "0003")
    await m.set_validator("OrganizationMember", "0003")
    await m.set_validator("Post", "0003")
    await m.set_validator("QueryLog", "0003")
    await m.set_validator("Review", "0003")
    await m.set_validator("SaveToMyList", "0003")
    await m.set_validator("Session", "0003")
    await m.set_validator("Tag", "0003")
    await m.set_validator("TagOnPost", "0003")
    await m.set_validator("User", "0003")
    await m.set_validator("VerificationToken", "0003")
    await m.set_validator("Vote", "0003")
    await m.set_validator("WaitlistEntry", "0003")
    await m.set_validator("YouTubeVideo", "0003")


async def down(m: Migration) -> None:
    await m.set_validator("YouTubeVideo", None)
    await m.set_validator("WaitlistEntry", None)
    await m.set_validator("Vote", None)
    await m.set_validator("VerificationToken", None)
    await m.set_validator("User", None)
    await m.set_validator("TagOnPost", None)
    await m.set_validator("Tag", None)
    await m.set_validator("Session", None)
    await m.set_validator("SaveToMyList", None)
    await m.set_validator("Review", None)
    await m.set_validator("QueryLog", None)
    await m.set_validator("Post", None)
    await m.set_validator("OrganizationMember", None)
    await m.set_validator("OrganizationAccount", None)
    await m.set_validator("Organization", None)
    await m.set_validator("OAuthAccount", None)
    await m.set_validator("NoteStatistics", None)
    await m.set_validator("NoteMedia", None)
    await m.set_validator("NoteComment", None)
    await m.set_validator("Note", None)
    await m.set_validator("NewsletterAudience", None)
    await m.set_validator("Newsletter", None)
    await m.set_validator("Member", None)
    await m.set_validator("MediaItem", None)
    await m.set_validator("MagicLink", None)
    await m.set_validator("Idea", None)
    await m.set_validator("EmailSend", None)
    await m.set_validator("EmailRecipient", None)
    await m.set_validator("EmailEvent", None)
    await m.set_validator("DataRefreshLog", None)
    await m.set_validator("CrawlerJob", None)
    await m.set_validator("Content", None)
    await m.set_validator("ContactForm", None)
    await m.set_validator("CommentVote", None)
    await m.set_validator("Comment", None)
    await m.set_validator("ClaimedAccount", None)
    await m.set_validator("CategoryMapping", None)
    await m.set_validator("Category", None)
    await m.set_validator("Author", None)
    await m.set_validator("Account", None)
    await m.drop_index("YouTubeVideo", "uq_accountId_videoId")
    await m.drop_index("YouTubeVideo", "ix_lastFetchedAt")
    await m.drop_index("YouTubeVideo", "ix_accountId_publishedAt_desc")
    await m.drop_index("WaitlistEntry", "uq_email")
    await m.drop_index("WaitlistEntry", "ix_createdAt")
    await m.drop_index("Vote", "uq_userId_reviewId")
    await m.drop_index("Vote", "ix_userId")
    await m.drop_index("Vote", "ix_reviewId_type")
    await m.drop_index("VerificationToken", "uq_identifier_value")
    await m.drop_index("User", "uq_username")
    await m.drop_index("User", "uq_email")
    await m.drop_index("User", "uq_clerkId")
    await m.drop_index("TagOnPost", "uq_postId_tagId")
    await m.drop_index("TagOnPost", "ix_tagId")
    await m.drop_index("TagOnPost", "ix_postId")
    await m.drop_index("Tag", "uq_slug")
    await m.drop_index("Session", "uq_refreshToken")
    await m.drop_index("Session", "uq_accessToken")
    await m.drop_index("Session", "ix_userId")
    await m.drop_index("Session", "ix_expiresAt")
    await m.drop_index("SaveToMyList", "uq_userId_accountId")
    await m.drop_index("SaveToMyList", "ix_userId_createdAt_desc")
    await m.drop_index("SaveToMyList", "ix_accountId")
    await m.drop_index("Review", "ix_verificationStatus_createdAt")
    await m.drop_index("Review", "ix_status_lastActivityAt_desc")
    await m.drop_index("Review", "ix_status_createdAt_desc")
    await m.drop_index("Review", "ix_authorId_createdAt_desc")
    await m.drop_index("Review", "ix_accountId_status_createdAt_desc")
    await m.drop_index("QueryLog", "ix_userId_timestamp_desc")
    await m.drop_index("QueryLog", "ix_timestamp")
    await m.drop_index("QueryLog", "ix_duration_desc")
    await m.drop_index("Post", "uq_postUrl_when_status")
    await m.drop_index("Post", "ix_updatedAt_desc")
    await m.drop_index("Post", "ix_title")
    await m.drop_index("Post", "ix_status_publishDate_desc__id_desc")
    await m.drop_index("Post", "ix_status_contentType_publishDate_desc__id_desc")
    await m.drop_index("Post", "ix_publishDate_desc")
    await m.drop_index("Post", "ix_postUrl")
    await m.drop_index("Post", "ix_featured_publishDate_desc")
    await m.drop_index("Post", "ix_createdAt_desc")
    await m.drop_index("Post", "ix_authorId_createdAt_desc")
    await m.drop_index("OrganizationMember", "uq_organizationId_userId")
    await m.drop_index("OrganizationMember", "ix_userId_status")
    await m.drop_index("OrganizationMember", "ix_organizationId")
    await m.drop_index("OrganizationMember", "ix_invitedBy")
    await m.drop_index("OrganizationAccount", "uq_organizationId_accountId")
    await m.drop_index("OrganizationAccount", "ix_organizationId")
    await m.drop_index("OrganizationAccount", "ix_accountId")
    await m.drop_index("Organization", "uq_slug")
    await m.drop_index("OAuthAccount", "uq_providerId_accountId")
    await m.drop_index("OAuthAccount", "ix_userId")
    await m.drop_index("NoteStatistics", "uq_noteId")
    await m.drop_index("NoteStatistics", "ix_viewCount_desc")
    await m.drop_index("NoteStatistics", "ix_noteId")
    await m.drop_index("NoteStatistics", "ix_likeCount_desc")
    await m.drop_index("NoteMedia", "ix_type_createdAt_desc")
    await m.drop_index("NoteMedia", "ix_noteId_order")
    await m.drop_index("NoteComment", "ix_parentId_createdAt")
    await m.drop_index("NoteComment", "ix_noteId_createdAt")
    await m.drop_index("NoteComment", "ix_createdAt_desc")
    await m.drop_index("NoteComment", "ix_authorId_createdAt_desc")
    await m.drop_index("Note", "uq_slug")
    await m.drop_index("Note", "ix_published_publishedAt_desc")
    await m.drop_index("Note", "ix_publishedAt_desc")
    await m.drop_index("Note", "ix_createdAt_desc")
    await m.drop_index("Note", "ix_authorId_createdAt_desc")
    await m.drop_index("NewsletterAudience", "uq_userId_newsletterId")
    await m.drop_index("NewsletterAudience", "ix_userId")
    await m.drop_index("NewsletterAudience", "ix_subscribed")
    await m.drop_index("NewsletterAudience", "ix_newsletterId_subscribed")
    await m.drop_index("Newsletter", "uq_name")
    await m.drop_index("Newsletter", "ix_audienceId")
    await m.drop_index("Member", "uq_resendContactId")
    await m.drop_index("Member", "uq_email")
    await m.drop_index("Member", "ix_updatedAt_desc")
    await m.drop_index("Member", "ix_unsubscribed__id")
    await m.drop_index("Member", "ix_lastName")
    await m.drop_index("Member", "ix_firstName")
    await m.drop_index("Member", "ix_engagementScore_desc")
    await m.drop_index("Member", "ix_createdAt_desc")
    await m.drop_index("MediaItem", "ix_status_createdAt")
    await m.drop_index("MediaItem", "ix_creatorId_createdAt_desc")
    await m.drop_index("MagicLink", "uq_token")
    await m.drop_index("MagicLink", "ix_userId")
    await m.drop_index("MagicLink", "ix_email_createdAt_desc")
    await m.drop_index("Idea", "ix_targetDate")
    await m.drop_index("Idea", "ix_status_createdAt_desc")
    await m.drop_index("Idea", "ix_currentStage_createdAt_desc")
    await m.drop_index("Idea", "ix_createdPostId")
    await m.drop_index("Idea", "ix_createdAt_desc")
    await m.drop_index("Idea", "ix_authorId_createdAt_desc")
    await m.drop_index("EmailSend", "uq_resendEmailId")
    await m.drop_index("EmailSend", "ix_status_sentAt_desc")
    await m.drop_index("EmailSend", "ix_sentAt_desc")
    await m.drop_index("EmailSend", "ix_postId_sentAt_desc")
    await m.drop_index("EmailSend", "ix_broadcastId")
    await m.drop_index("EmailRecipient", "uq_emailSendId_email")
    await m.drop_index("EmailRecipient", "ix_memberId_createdAt_desc")
    await m.drop_index("EmailRecipient", "ix_emailSendId")
    await m.drop_index("EmailRecipient", "ix_email")
    await m.drop_index("EmailEvent", "uq_eventId")
    await m.drop_index("EmailEvent", "ix_eventType_processedAt_desc")
    await m.drop_index("EmailEvent", "ix_emailSendId_processedAt")
    await m.drop_index("DataRefreshLog", "ix_status_createdAt")
    await m.drop_index("DataRefreshLog", "ix_accountId_createdAt_desc")
    await m.drop_index("CrawlerJob", "ix_url")
    await m.drop_index("CrawlerJob", "ix_status_startedAt")
    await m.drop_index("CrawlerJob", "ix_status_priority_desc_createdAt")
    await m.drop_index("Content", "uq_slug_organizationId")
    await m.drop_index("Content", "uq_slug_creatorId_no_organizationId")
    await m.drop_index("Content", "ix_status_publishedAt_desc")
    await m.drop_index("Content", "ix_publishedAt_desc")
    await m.drop_index("Content", "ix_organizationId_status_publishedAt_desc")
    await m.drop_index("Content", "ix_mediaItemId")
    await m.drop_index("Content", "ix_creatorId_status_publishedAt_desc")
    await m.drop_index("ContactForm", "ix_name")
    await m.drop_index("ContactForm", "ix_email")
    await m.drop_index("ContactForm", "ix_createdAt_desc")
    await m.drop_index("CommentVote", "uq_userId_commentId")
    await m.drop_index("CommentVote", "ix_userId")
    await m.drop_index("CommentVote", "ix_commentId_type")
    await m.drop_index("Comment", "ix_verificationStatus_createdAt")
    await m.drop_index("Comment", "ix_reviewId_status_createdAt")
    await m.drop_index("Comment", "ix_replyToId_createdAt")
    await m.drop_index("Comment", "ix_authorId_createdAt_desc")
    await m.drop_index("ClaimedAccount", "uq_userId_accountId")
    await m.drop_index("ClaimedAccount", "ix_userId")
    await m.drop_index("ClaimedAccount", "ix_status_claimedAt")
    await m.drop_index("ClaimedAccount", "ix_accountId")
    await m.drop_index("CategoryMapping", "uq_accountId_categoryId")
    await m.drop_index("CategoryMapping", "ix_categoryId")
    await m.drop_index("CategoryMapping", "ix_accountId")
    await m.drop_index("Category", "uq_slug")
    await m.drop_index("Category", "ix_popular_name")
    await m.drop_index("Category", "ix_parentId_name")
    await m.drop_index("Category", "ix_name")
    await m.drop_index("Category", "ix_keywords")
    await m.drop_index("Author", "uq_username")
    await m.drop_index("Author", "uq_email")
    await m.drop_index("Author", "uq_clerkId")
    await m.drop_index("Author", "ix_role")
    await m.drop_index("Author", "ix_name")
    await m.drop_index("Account", "uq_platform_accountId")
    await m.drop_index("Account", "ix_platform_reviewCount_desc")
    await m.drop_index("Account", "ix_platform_rating_desc_reviewCount_desc")
    await m.drop_index("Account", "ix_platform_lastDataRefresh")
    await m.drop_index("Account", "ix_platform_handle")
    await m.drop_index("Account", "ix_platform_followerCount_desc")
    await m.drop_index("Account", "ix_lastIndexedAt")
    await m.drop_collection("YouTubeVideo")
    await m.drop_collection("WaitlistEntry")
    await m.drop_collection("Vote")
    await m.drop_collection("VerificationToken")
    await m.drop_collection("User")
    await m.drop_collection("TagOnPost")
    await m.drop_collection("Tag")
    await m.drop_collection("Session")
    await m.drop_collection("SaveToMyList")
    await m.drop_collection("Review")
    await m.drop_collection("QueryLog")
    await m.drop_collection("Post")
    await m.drop_collection("OrganizationMember")
    await m.drop_collection("OrganizationAccount")
    await m.drop_collection("Organization")
    await m.drop_collection("OAuthAccount")
    await m.drop_collection("NoteStatistics")
    await m.drop_collection("NoteMedia")
    await m.drop_collection("NoteComment")
    await m.drop_collection("Note")
    await m.drop_collection("NewsletterAudience")
    await m.drop_collection("Newsletter")
    await m.drop_collection("Member")
    await m.drop_collection("MediaItem")
    await m.drop_collection("MagicLink")
    await m.drop_collection("Idea")
    await m.drop_collection("EmailSend")
    await m.drop_collection("EmailRecipient")
    await m.drop_collection("EmailEvent")
    await m.drop_collection("DataRefreshLog")
    await m.drop_collection("CrawlerJob")
    await m.drop_collection("Content")
    await m.drop_collection("ContactForm")
    await m.drop_collection("CommentVote")
    await m.drop_collection("Comment")
    await m.drop_collection("ClaimedAccount")
    await m.drop_collection("CategoryMapping")
    await m.drop_collection("Category")
    await m.drop_collection("Author")
    await m.drop_collection("Account")
