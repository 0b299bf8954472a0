"""What is seeded, without a database."""

from datetime import UTC, datetime
from random import Random

from pydantic import TypeAdapter

from docstore.documents import Slug
from docstore.models import ALL
from docstore.operations.seeding import STEPS, Plot
from docstore.operations.seeding.creators import CATEGORIES, creator
from docstore.operations.seeding.people import person
from docstore.operations.seeding.prose import TOPICS, article, paragraph, slug, title

TODAY = datetime(2026, 1, 1, tzinfo=UTC)


def test_there_is_a_step_for_every_model_and_a_key_of_its_attributes() -> None:
    assert {step.model for step in STEPS} == set(ALL)
    assert all(set(step.key) <= step.model.model_fields.keys() for step in STEPS)


def test_people_do_not_share_addresses_or_user_names() -> None:
    people = [person(number) for number in range(2_304)]

    assert len({each.email for each in people}) == len({each.username for each in people}) == len(people)


def test_chance_repeats_itself_by_topic() -> None:
    plot, again, other = Plot(7, TODAY), Plot(7, TODAY), Plot(8, TODAY)

    assert plot.rng("post", 1).random() == again.rng("post", 1).random()
    assert plot.rng("post", 1).random() != plot.rng("post", 2).random()
    assert plot.rng("post", 1).random() != other.rng("post", 1).random()


def test_days_count_back_from_today() -> None:
    plot = Plot(7, TODAY)

    assert plot.days_ago(1) == datetime(2025, 12, 31, tzinfo=UTC)
    assert plot.days_ago(-1) == datetime(2026, 1, 2, tzinfo=UTC)


def test_texts_are_filled_in() -> None:
    for topic in TOPICS:
        topics = [topic, "python", "testing"]
        text = title(Random(1), topics) + paragraph(Random(1), topics) + article(Random(1), topics)
        assert "{" not in text
        assert topic.replace("-", " ") in text.lower()


def test_slugs_are_slugs() -> None:
    adapter = TypeAdapter(Slug)
    for text in [*TOPICS, *CATEGORIES, *(creator(number).handle for number in range(48)), "What, now?  Really!"]:
        assert adapter.validate_python(slug(text))
