"""Which stored fields of a model are secret: those it names, and those whose type says so."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docstore.documents.base import StoredDocument
from docstore.documents.fields import TokenHash
from docstore.documents.filters.annotations import bare, element_of, mapping_value_of, members, nested_model

_SECRET: Final = (SecretStr, SecretBytes, TokenHash)


@lru_cache(maxsize=1024)
def masked_paths(model: type[StoredDocument]) -> frozenset[str]:
    """The dotted stored paths of a model whose values are not to be kept anywhere else."""
    named = {
        name
        for attribute, info in model.model_fields.items()
        if attribute in model.sensitive
        for name in _stored_names(attribute, info)
    }
    return frozenset(named | set(_secret_fields(model, seen=())))


def _secret_fields(model: type[BaseModel], seen: tuple[type, ...]) -> Iterator[str]:
    for attribute, info in model.model_fields.items():
        for stored in _stored_names(attribute, info):
            for kind in members(info.annotation):
                nested = nested_model(kind)
                if nested is not None and nested not in seen:
                    yield from (f"{stored}.{inner}" for inner in _secret_fields(nested, (*seen, model)))
                elif _holds_secret(kind, seen=(*seen, model)):
                    yield stored


def _holds_secret(annotation: Any, seen: tuple[type, ...]) -> bool:
    plain = bare(annotation)
    if isinstance(plain, type) and issubclass(plain, _SECRET):
        return True
    inside = element_of(annotation)
    if inside is PydanticUndefined:
        inside = mapping_value_of(annotation)
    if inside is not PydanticUndefined:
        return any(_holds_secret(each, seen) for each in members(inside))
    nested = nested_model(annotation)
    return nested is not None and nested not in seen and any(True for _ in _secret_fields(nested, (*seen, nested)))


def _stored_names(attribute: str, info: FieldInfo) -> set[str]:
    names = {info.alias or attribute}
    if isinstance(info.validation_alias, AliasChoices):
        names |= {each for each in info.validation_alias.choices if isinstance(each, str)}
    return names
