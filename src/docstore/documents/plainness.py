"""Whether a class's documents may be written without Beanie's ceremony: decided once after its initialisation."""

from typing import Any

import beanie
from beanie.odm.actions import ActionRegistry


def is_plain(model: Any) -> bool:
    """Whether nothing but the write itself happens on a write: no events, revisions, links, second validation."""
    settings = model._document_settings
    return (
        settings is not None
        and settings.keep_nulls
        and not settings.use_revision
        and not settings.validate_on_save
        and not model._link_fields
        and model not in ActionRegistry._actions
        and model.validate_self is beanie.Document.validate_self
    )
