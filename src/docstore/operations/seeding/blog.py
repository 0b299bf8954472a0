"""Authors, tags, posts in every state, ideas, and what visitors left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from docstore.models import (
    Author,
    ContactForm,
    ContentType,
    Idea,
    IdeaStage,
    IdeaStatus,
    NewsletterType,
    Post,
    PostStatus,
    Role,
    Tag,
    TagOnPost,
    WaitlistEntry,
)
from docstore.operations.seeding.newsletters import NEWSLETTER_POSTS, numbers_of
from docstore.operations.seeding.people import person, picture
from docstore.operations.seeding.plan import Plot, Row, Step
from docstore.operations.seeding.prose import TOPICS, article, paragraph, readable, slug, title

AUTHORS: Final = 6
POSTS: Final = 60
_FIRST_AUTHOR: Final = 900  # people who are neither users nor members


def topics_of(plot: Plot, *post: object) -> list[str]:
    """The tags of a post, the first being its subject."""
    return plot.rng("topics", *post).sample(sorted(TOPICS), 3)


def post_row(plot: Plot, topics: list[str], address: str, author: int, published: datetime) -> Row:
    """A published blog post under an address, about some topics."""
    rng = plot.rng("post", address)
    heading = title(rng, topics)
    return {
        "title": heading,
        "content": article(rng, topics),
        "post_url": address,
        "excerpt": paragraph(rng, topics, sentences=1),
        "feature_image": picture("posts", address),
        "author_id": plot.ids(Author)[author % AUTHORS],
        "status": PostStatus.PUBLISHED,
        "publish_date": published,
        "created_at": published,
        "featured": rng.random() < 0.15,
        "view_count": int(rng.expovariate(1 / 900)),
        "metadata_title": heading,
        "metadata_keywords": ", ".join(readable(topic) for topic in topics),
        "metadata_author_name": person(_FIRST_AUTHOR + author % AUTHORS).name,
    }


def _authors(plot: Plot) -> Iterator[Row]:
    roles = (Role.OWNER, Role.ADMIN)
    for number in range(AUTHORS):
        who = person(_FIRST_AUTHOR + number)
        yield {
            "clerk_id": f"author_seed_{number:04}",
            "name": who.name,
            "username": who.username,
            "email": who.email,
            "image_url": picture("authors", who.username),
            "role": roles[number] if number < len(roles) else Role.WRITER,
            "created_at": plot.days_ago(500),
        }


def _tags(plot: Plot) -> Iterator[Row]:
    for topic, description in TOPICS.items():
        yield {"slug": topic, "description": description, "image_url": picture("tags", topic)}


def _posts(plot: Plot) -> Iterator[Row]:
    for number in range(POSTS):
        topics = topics_of(plot, number)
        days = number * 6 + 2
        heading = title(plot.rng("post-title", number), topics)
        row = post_row(plot, topics, f"{slug(heading)}-{number + 1}", number, plot.days_ago(days))
        row |= {"title": heading, "metadata_title": heading}
        if number < NEWSLETTER_POSTS:
            sent = numbers_of(number)
            row |= {
                "content_type": ContentType.NEWSLETTER,
                "is_newsletter": True,
                "newsletter_type": NewsletterType.COMPANY if number % 2 else NewsletterType.PERSONAL,
                "broadcast_ids": [f"broadcast-seed-{number}"],
                **sent,
            }
        elif number % 10 == 9:
            row["content_type"] = ContentType.GLOSSARY
        yield row | _state(plot, number)


def _state(plot: Plot, number: int) -> Row:
    if number < NEWSLETTER_POSTS or number % 5:
        return {}
    fields: tuple[Row, ...] = (
        {"status": PostStatus.DRAFT, "publish_date": None, "view_count": 0},
        {"status": PostStatus.SCHEDULED, "publish_date": plot.days_ago(-number), "view_count": 0},
        {"status": PostStatus.ARCHIVED},
    )
    return fields[number // 5 % 3]


def _tags_on_posts(plot: Plot) -> Iterator[Row]:
    tag_ids = dict(zip(TOPICS, plot.ids(Tag), strict=True))
    for number, post_id in enumerate(plot.ids(Post)):
        for topic in topics_of(plot, number):
            yield {"post_id": post_id, "tag_id": tag_ids[topic]}


def _ideas(plot: Plot) -> Iterator[Row]:
    stages, statuses = list(IdeaStage), list(IdeaStatus)
    for number in range(14):
        rng, topics = plot.rng("idea", number), topics_of(plot, "idea", number)
        status = statuses[number % len(statuses)]
        drafted = status is IdeaStatus.DRAFT_CREATED
        yield {
            "title": f"{title(rng, topics)} ({number + 1})",
            "description": paragraph(rng, topics, sentences=2),
            "topics": topics,
            "status": status,
            "current_stage": IdeaStage.READY if drafted else stages[number % 3],
            "outline_content": "\n".join(f"- {readable(topic)}" for topic in topics),
            "target_date": plot.days_ago(-7 * number - 7),
            "created_post_id": plot.ids(Post)[number] if drafted else None,
            "author_id": plot.ids(Author)[number % AUTHORS],
        }


def _contact_forms(plot: Plot) -> Iterator[Row]:
    for number in range(10):
        who, topics = person(700 + number), topics_of(plot, "contact", number)
        yield {
            "name": who.name,
            "email": who.email,
            "message": f"Hello, I read your text on {readable(topics[0])}. Would you write one on "
            f"{readable(topics[1])}? Greetings from {who.city}.",
            "created_at": plot.days_ago(number * 3 + 1),
        }


def _waitlist(plot: Plot) -> Iterator[Row]:
    for number in range(20):
        yield {"email": person(740 + number).email, "created_at": plot.days_ago(number)}


BLOG_STEPS: Final = (
    Step(Author, ("clerk_id",), _authors),
    Step(Tag, ("slug",), _tags),
    Step(Post, ("post_url",), _posts),
    Step(TagOnPost, ("post_id", "tag_id"), _tags_on_posts),
    Step(Idea, ("author_id", "title"), _ideas),
    Step(ContactForm, ("email",), _contact_forms),
    Step(WaitlistEntry, ("email",), _waitlist),
)
