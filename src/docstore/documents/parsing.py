"""Fetched documents as instances, for what is fetched beside Beanie's own queries: pages and relations."""

from collections.abc import Iterable, Mapping
from typing import Any

from beanie.odm.utils.parsing import parse_obj

from docstore.documents.loading import loader_of


def parse_all(model: Any, stored: Iterable[Mapping[str, Any]], *, lazy: bool = False) -> list[Any]:
    """An instance of `model`, or of its fitting subclass or member, for each stored document."""
    loader = None if lazy or not hasattr(model, "__pydantic_validator__") else loader_of(model)
    if loader is not None:
        return [loader.read(document) for document in stored]
    return [parse_obj(model, document, lazy_parse=lazy) for document in stored]
