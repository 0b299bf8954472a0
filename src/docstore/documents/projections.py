"""Which stored fields a query asks the server for, when it wants less than whole documents."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

from beanie.odm.utils.projection import get_projection
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, create_model
from pydantic.fields import FieldInfo

from docstore.errors import ValidationFailed

Projection = Mapping[str, Any]

_NO_ID: Final[Projection] = {"_id": 0}


def projection_of(wanted: Any, model: Any) -> Projection | None:
    """The projection to send for `wanted`, of documents of `model`; None for whole documents.

    A plain pydantic model may name its fields as the document's attributes do: ``post_url`` is read from ``postUrl``,
    ``id`` from ``_id``, and a field that has an old spelling from that too. The server does the renaming.
    A model with `Settings.projection` of its own, and Beanie's documents and views, are asked for as Beanie does.
    """
    if wanted is model or hasattr(wanted, "get_model_type") or hasattr(wanted, "Settings"):
        return get_projection(wanted)
    if wanted.model_config.get("extra") == "allow":
        return None
    return _renaming_projection(wanted, getattr(model, "model_fields", {}))


def _renaming_projection(wanted: type[BaseModel], document_fields: Mapping[str, FieldInfo]) -> Projection:
    projection: dict[str, Any] = {}
    for name, info in wanted.model_fields.items():
        source = document_fields.get(name)
        names = _read_names(name, info)
        if names == (name,) and source is not None:
            # Named as the attribute is: the server hands the stored field over under that name.
            stored = _read_names(name, source)
            projection[name] = 1 if stored == (name,) else _first_of(stored)
        else:
            projection |= dict.fromkeys(names, 1)
    return projection if "_id" in projection else {**projection, **_NO_ID}


def _first_of(stored: Sequence[str]) -> Any:
    paths = [f"${each}" for each in stored]
    return paths[0] if len(paths) == 1 else {"$ifNull": paths}


def _read_names(name: str, info: FieldInfo) -> tuple[str, ...]:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        choices = [choice for choice in alias.choices if isinstance(choice, str)]
        roots = [str(choice.path[0]) for choice in alias.choices if isinstance(choice, AliasPath)]
        return tuple(dict.fromkeys([*choices, *roots]))
    if isinstance(alias, AliasPath):
        return (str(alias.path[0]),)
    return (alias or info.alias or name,)


class Row(BaseModel):
    """Some attributes of a document, read as the document reads them."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, hide_input_in_errors=True, protected_namespaces=())

    hydrates: ClassVar[bool] = True
    """What older services wrote loads, though fields are missing or null (see `hydration.py`)."""


@lru_cache(maxsize=512)
def row_model(model: type[BaseModel], names: tuple[str, ...]) -> type[Row]:
    """A model of some attributes of `model`, with their types and defaults.

    Raises:
        ValidationFailed: names the attribute that `model` does not have, and its near miss.
    """
    fields: dict[str, Any] = {}
    for name in names:
        info = model.model_fields.get(name)
        if info is None:
            raise _no_attribute(model, name)
        # A required field may be missing in what older services wrote, and loads as None then, as in a document.
        optional = FieldInfo.merge_field_infos(info, default=None) if info.is_required() else info
        fields[name] = (info.annotation, optional)
    return create_model(f"{model.__name__}Row", __base__=Row, **fields)


def as_dict(row: Row) -> dict[str, Any]:
    """The attributes and their values."""
    return dict(row.__dict__)


def _no_attribute(model: type[BaseModel], name: str) -> ValidationFailed:
    from difflib import get_close_matches

    close = get_close_matches(name, model.model_fields, n=1)
    stored = next((each for each, info in model.model_fields.items() if info.alias == name), None)
    near = stored or (close[0] if close else None)
    hint = f"Did you mean {near!r}?" if near else f"Its attributes are {', '.join(model.model_fields)}."
    return ValidationFailed(f"{model.__name__} has no attribute {name!r}.", hint=hint, collection=model.__name__)
