"""Categories, creators' accounts on every platform, and what users say of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from docstore.models import (
    Account,
    Category,
    CategoryMapping,
    ClaimedAccount,
    ClaimStatus,
    DataRefreshLog,
    Platform,
    RefreshStatus,
    Review,
    SaveToMyList,
    User,
    VerificationStatus,
    YouTubeVideo,
)
from docstore.operations.seeding.creators import CATEGORIES, Creator, creator, platform_data
from docstore.operations.seeding.people import picture
from docstore.operations.seeding.plan import Plot, Row, Step
from docstore.operations.seeding.prose import slug

ACCOUNTS: Final = 48
_REVIEWS_AN_ACCOUNT: Final = 5
PLATFORMS: Final = tuple(Platform)
VERDICTS: Final = ("Disappointing", "Not for me", "Decent", "Worth following", "Outstanding")
_CHILDREN: Final = tuple((parent, child) for parent, children in CATEGORIES.items() for child in children)


@dataclass(frozen=True)
class _Judgement:
    account: int
    user: int
    stars: int


def _judgements(plot: Plot, account: int) -> list[_Judgement]:
    rng = plot.rng("reviews", account)
    count = account % _REVIEWS_AN_ACCOUNT + 1
    return [_Judgement(account, user, rng.choice((2, 3, 4, 4, 5, 5))) for user in rng.sample(range(50), count)]


def _roots(plot: Plot) -> Iterator[Row]:
    for number, name in enumerate(CATEGORIES):
        yield {
            "name": name,
            "slug": slug(name),
            "short_description": f"Creators who work on {name.lower()}",
            "long_description": f"Everybody who publishes mainly on {name.lower()}, whatever the platform.",
            "keywords": [name.lower(), "creators"],
            "popular": number % 2 == 0,
        }


def _children(plot: Plot) -> Iterator[Row]:
    parents = dict(zip(CATEGORIES, plot.ids(Category), strict=False))
    for number, (parent, name) in enumerate(_CHILDREN):
        yield {
            "name": name,
            "slug": slug(name),
            "short_description": f"{name}, a part of {parent.lower()}",
            "keywords": [name.lower(), parent.lower()],
            "parent_id": parents[parent],
            "popular": number % 5 == 0,
            "depth": 1,
        }


def _accounts(plot: Plot) -> Iterator[Row]:
    for number in range(ACCOUNTS):
        platform, who = PLATFORMS[number % len(PLATFORMS)], creator(number)
        rng = plot.rng("account", number)
        stars = [each.stars for each in _judgements(plot, number)]
        followers = int(10 ** rng.uniform(3, 7))
        yield {
            "platform": platform,
            "account_id": account_key(number),
            "handle": who.handle,
            "name": who.name,
            "name_en": who.name_en,
            "follower_count": followers,
            "image_url": picture("accounts", slug(who.handle)),
            "banner_url": picture("banners", slug(who.handle)),
            "country": who.country,
            "description": who.description,
            "description_en": who.description if who.language == "en" else f"{who.name_en} on {who.subject}.",
            "keywords": who.subject,
            "language_code": who.language,
            "lang_confidence_score": round(rng.uniform(0.8, 1), 2),
            "is_seeded": True,
            "rating": round(sum(stars) / len(stars), 2),
            "review_count": len(stars),
            "last_data_refresh": plot.days_ago(rng.uniform(0, 20)),
            "created_at": plot.days_ago(380 - number),
            **platform_data(platform, who, followers, plot.days_ago(2000 - number * 11)),
        }


def account_key(number: int) -> str:
    """The platform's own id of a seeded account."""
    platform = PLATFORMS[number % len(PLATFORMS)]
    return f"UCseed{number:018}" if platform is Platform.YOUTUBE else f"seed-{platform.value.lower()}-{number:04}"


def _mappings(plot: Plot) -> Iterator[Row]:
    roots, children = plot.ids(Category)[: len(CATEGORIES)], plot.ids(Category)[len(CATEGORIES) :]
    order = list(CATEGORIES)
    for number, account_id in enumerate(plot.ids(Account)):
        child = number % len(_CHILDREN)
        yield {"account_id": account_id, "category_id": children[child]}
        yield {"account_id": account_id, "category_id": roots[order.index(_CHILDREN[child][0])]}


def _reviews(plot: Plot) -> Iterator[Row]:
    users = plot.ids(User)
    for number, account_id in enumerate(plot.ids(Account)):
        who: Creator = creator(number)
        for each in _judgements(plot, number):
            at = plot.days_ago((number * 5 + each.user) % 200 + 1)
            yield {
                "title": f"{VERDICTS[each.stars - 1]}: {who.name_en or who.name}",
                "stars": each.stars,
                "content": f"I have followed {who.handle} for a while. {VERDICTS[each.stars - 1]}, above all for "
                f"{who.subject}.",
                "author_id": users[each.user],
                "account_id": account_id,
                "platform": PLATFORMS[number % len(PLATFORMS)],
                "verification_status": VerificationStatus.VERIFIED if each.user % 3 else VerificationStatus.IN_PROGRESS,
                "view_count": each.user * 3,
                "last_activity_at": at,
                "created_at": at,
            }


def _saved(plot: Plot) -> Iterator[Row]:
    for number, user_id in enumerate(plot.ids(User)[:40]):
        for step in (0, 7):
            yield {"user_id": user_id, "account_id": plot.ids(Account)[(number + step) % ACCOUNTS]}


def _videos(plot: Plot) -> Iterator[Row]:
    for number in range(0, ACCOUNTS, len(PLATFORMS)):
        who = creator(number)
        for episode in range(1, 5):
            published = plot.days_ago(episode * 9 + number)
            yield {
                "video_id": f"vid{number:04}{episode:04}",
                "account_id": plot.ids(Account)[number],
                "title": f"{who.subject.capitalize()}, part {episode}",
                "channel_id": account_key(number),
                "channel_title": who.name,
                "position": episode - 1,
                "privacy_status": "public",
                "thumbnails": {"default": {"url": picture("videos", f"{number}-{episode}"), "width": 120}},
                "view_count": 1_000 * episode + number,
                "like_count": 40 * episode,
                "duration": f"PT{8 + episode}M{number % 60}S",
                "published_at": published,
                "video_published_at": published,
            }


def _claims(plot: Plot) -> Iterator[Row]:
    statuses = tuple(ClaimStatus)
    for number in range(9):
        status = statuses[number % len(statuses)]
        verified = status is ClaimStatus.VERIFIED
        yield {
            "user_id": plot.ids(User)[number + 4],
            "account_id": plot.ids(Account)[number * 5],
            "platform": PLATFORMS[number * 5 % len(PLATFORMS)],
            "claimed_at": plot.days_ago(number + 10),
            "status": status,
            "verified_at": plot.days_ago(number + 8) if verified else None,
            "verification_method": "oauth" if verified else None,
        }


def _refreshes(plot: Plot) -> Iterator[Row]:
    statuses = tuple(RefreshStatus)
    for number, account_id in enumerate(plot.ids(Account)[:20]):
        status = statuses[number % len(statuses)]
        over = status in (RefreshStatus.COMPLETED, RefreshStatus.FAILED)
        yield {
            "account_id": account_id,
            "platform": PLATFORMS[number % len(PLATFORMS)],
            "status": status,
            "started_at": None if status is RefreshStatus.PENDING else plot.days_ago(3),
            "completed_at": plot.days_ago(2.99) if over else None,
            "error": "the platform answered 503" if status is RefreshStatus.FAILED else None,
            "data_snapshot": {"followerCount": 1000 + number} if status is RefreshStatus.COMPLETED else None,
        }


REVIEW_STEPS: Final = (
    Step(Category, ("slug",), _roots),
    Step(Category, ("slug",), _children),
    Step(Account, ("account_id", "platform"), _accounts),
    Step(CategoryMapping, ("account_id", "category_id"), _mappings),
    Step(Review, ("account_id", "author_id"), _reviews),
    Step(SaveToMyList, ("user_id", "account_id"), _saved),
    Step(YouTubeVideo, ("account_id", "video_id"), _videos),
    Step(ClaimedAccount, ("user_id", "account_id"), _claims),
    Step(DataRefreshLog, ("account_id",), _refreshes),
)
