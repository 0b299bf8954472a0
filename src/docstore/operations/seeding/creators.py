"""Creators who do not exist: what they publish on, in which language, and what their platform says of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from docstore.models import Platform
from docstore.operations.seeding.people import person
from docstore.operations.seeding.prose import slug

CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "Technology": ("Programming", "Gadgets", "Home Servers"),
    "Food": ("Baking", "Street Food", "Fermentation"),
    "Travel": ("Train Journeys", "City Walks", "Hiking"),
    "Science": ("Astronomy", "Chemistry", "Marine Life"),
    "Music": ("Synthesizers", "Choirs", "Guitar Building"),
    "Crafts": ("Woodworking", "Knitting", "Bookbinding"),
}
"""Categories with their children."""

_CHILDREN: Final = tuple(child for children in CATEGORIES.values() for child in children)

_ABROAD: Final = (
    ("Мастерская Нади", "Nadia's Workshop", "ru", "KZ", "Всё о дереве, шерсти и бумаге."),
    ("東京さんぽ", "Tokyo Walks", "ja", "JP", "毎週、東京のどこかを歩きます。"),
    ("Küchenzeit", "Kitchen Time", "de", "DE", "Jeden Sonntag ein Brot."),
    ("Ciencia en Casa", "Science at Home", "es", "CO", "Experimentos con lo que hay en la cocina."),
    ("Les Trains du Matin", "The Morning Trains", "fr", "FR", "Le monde vu depuis la fenêtre d'un train."),
    ("موسيقى الحي", "Music of the Quarter", "ar", "EG", "أصوات من الشارع كل أسبوع."),
)


@dataclass(frozen=True)
class Creator:
    """A creator; `name_en` is set where the name is not English."""

    name: str
    name_en: str | None
    handle: str
    subject: str
    language: str
    country: str
    description: str


def creator(number: int) -> Creator:
    """The creator of a number. Every eighth writes in a language other than English."""
    subject = _CHILDREN[number % len(_CHILDREN)].lower()
    if number % 8 == 5:
        name, english, language, country, description = _ABROAD[number // 8 % len(_ABROAD)]
        return Creator(name, english, f"@{slug(english)}-{number}", subject, language, country, description)
    who = person(1200 + number)
    country = ("US", "GB", "IN", "NG", "BR", "CA", "AU")[number % 7]
    name = f"{who.first} on {subject.title()}"
    description = f"{who.name} from {who.city} on {subject}, twice a week and without advertisements."
    return Creator(name, None, f"@{slug(name)}-{number}", subject, "en", country, description)


def platform_data(platform: Platform, who: Creator, followers: int, since: datetime) -> dict[str, Any]:
    """The platform's own data of an account, under the attribute that keeps it."""
    joined = since.isoformat().replace("+00:00", "Z")
    match platform:
        case Platform.YOUTUBE:
            return {
                "yt_data": {
                    "snippet": {"title": who.name, "publishedAt": joined},
                    "statistics": {"videoCount": str(followers % 400 + 4), "viewCount": str(followers * 90)},
                    "status": {"madeForKids": followers % 9 == 0},
                },
                "video_fetch": True,
            }
        case Platform.REDDIT:
            return {"reddit_data": {"createdDate": joined, "subscribers": followers, "over18": False}}
        case Platform.TWITTER:
            return {"x_data": {"createdDate": joined, "tweetCount": followers % 9000, "verified": followers > 10**6}}
        case Platform.TIKTOK:
            return {"tiktok_data": {"createdDate": joined, "videoCount": followers % 700, "heartCount": followers * 12}}
        case Platform.TWITCH:
            return {"twitch_data": {"createdDate": joined, "broadcasterType": "affiliate", "game": who.subject}}
        case Platform.INSTAGRAM:
            return {"instagram_data": {"createdDate": joined, "mediaCount": followers % 1200, "isBusiness": True}}
