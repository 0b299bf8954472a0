"""Whatever a model's own writes store passes its validator, on a real server."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.schema.validators.kinds import KINDS
from tests.schema.validators.values import of_model

from docstore.documents.validation import prepared_to_insert
from docstore.models import ALL
from docstore.schema.validators import validator_of
from docstore.store import SYSTEM_MODELS

ALL_OF_IT = list(HealthCheck)
ONCE = [Phase.generate]
MODELS = (*ALL, *SYSTEM_MODELS, *KINDS)
TOGETHER = 9
DRAWN = 10


def drawn(model: Any) -> list[Any]:
    """Some documents of a model."""
    found: list[Any] = []

    @settings(
        max_examples=DRAWN, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=ALL_OF_IT
    )
    @given(of_model(model))
    def draw(document: Any) -> None:
        found.append(document)

    draw()
    return found


@pytest.mark.parametrize("first", range(0, len(MODELS), TOGETHER))
async def test_what_is_written_passes(first: int, bind_models: Any, refused: Any) -> None:
    models = MODELS[first : first + TOGETHER]
    await bind_models(*models)
    for model in models:
        stored = [prepared_to_insert(each) for each in await asyncio.to_thread(drawn, model)]

        assert len(stored) >= DRAWN // 2
        assert await refused(validator_of(model), stored) == {}, model.__name__
