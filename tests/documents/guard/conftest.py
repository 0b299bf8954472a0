"""The guard is tried with whatever a caller may write, and with no more following from a write than a test asks for."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

Bind = Callable[..., Awaitable[Any]]


@pytest.fixture
def bind_models(bind_models: Bind) -> Bind:
    return partial(bind_models, audit=False, strict_filters=False)
