"""Beanie's links as fields: stored under the names they are declared with.

Beanie's encoder, its joins and its back links look for a link under its attribute's name; under another the linked
document itself would be stored in its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docstore.documents.filters.annotations import element_of, is_link, members

_OF_THE_GENERATOR = (None, 1)
"""Pydantic's mark of an alias that was not given by hand."""


@dataclass(frozen=True)
class _Keeping:
    """A generator of aliases that leaves some attributes as they are."""

    others: Callable[[str], str]
    kept: frozenset[str]

    def __call__(self, attribute: str) -> str:
        return attribute if attribute in self.kept else self.others(attribute)


def keep_declared_names(model: type[BaseModel]) -> None:
    """Have a class store its links under their attributes' names, unless an alias was given by hand."""
    generator = model.model_config.get("alias_generator")
    if not callable(generator):
        return
    links = frozenset(
        name
        for name, info in model.__pydantic_fields__.items()
        if info.alias_priority in _OF_THE_GENERATOR and _holds_links(info.annotation)
    )
    if all(generator(name) == name for name in links):
        return
    for name in links:
        info = model.__pydantic_fields__[name]
        info.alias = info.validation_alias = info.serialization_alias = name
    # In the configuration too: pydantic makes a field anew when what it refers to becomes known, and for a subclass.
    model.model_config["alias_generator"] = _Keeping(generator, links)
    if model.__pydantic_complete__:
        model.model_rebuild(force=True)


def _holds_links(annotation: Any) -> bool:
    for each in members(annotation):
        inside = element_of(each)
        if is_link(each) or (inside is not PydanticUndefined and any(map(is_link, members(inside)))):
            return True
    return False
