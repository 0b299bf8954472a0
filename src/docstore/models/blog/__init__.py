"""The blog: authors, posts and their way to publication, tags, ideas, and what visitors leave in its forms."""

from docstore.models.blog.authors import Author, Role
from docstore.models.blog.forms import ContactForm, WaitlistEntry
from docstore.models.blog.ideas import Idea, IdeaStage, IdeaStatus
from docstore.models.blog.posts import Post
from docstore.models.blog.publication import ContentType, NewsletterType, PostPublished, PostStatus
from docstore.models.blog.tags import Tag, TagOnPost

__all__ = [
    "Author",
    "ContactForm",
    "ContentType",
    "Idea",
    "IdeaStage",
    "IdeaStatus",
    "NewsletterType",
    "Post",
    "PostPublished",
    "PostStatus",
    "Role",
    "Tag",
    "TagOnPost",
    "WaitlistEntry",
]
