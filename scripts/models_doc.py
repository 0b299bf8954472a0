"""Write docs/models.md from the models; with ``--check`` only say whether it is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum, StrEnum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docstore.documents import Document, Index, Json, declared_indexes, references_of, utc_now
from docstore.models import ALL

TARGET = Path(__file__).resolve().parent.parent / "docs" / "models.md"

INTRODUCTION = """\
# Models

Every document docstore brings, domain by domain. This page is generated from the models by
`python scripts/models_doc.py`; a test fails when it is stale.

Besides its own fields every document has `_id`, `createdAt`, `updatedAt`, `deletedAt`, `isDeleted`,
`deletedBy` and `deletionId`.
Names are as stored; attributes are their snake_case (`postUrl` is `post_url`). "Unique" means unique among the
documents that are not deleted, "when set" that documents without the value do not count. A rule says what becomes of
the document when what it refers to is deleted: RESTRICT refuses the deletion, CASCADE deletes the document too,
SET_NULL clears the field.
"""


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` compare it; returns the exit code."""
    page = render()
    if "--check" in arguments:
        fresh = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == page
        print("docs/models.md is fresh." if fresh else "docs/models.md is stale: run scripts/models_doc.py.")
        return 0 if fresh else 1
    TARGET.write_text(page, encoding="utf-8")
    print(f"{TARGET.name} written.")
    return 0


def render() -> str:
    """The whole page as Markdown."""
    domains: dict[str, list[type[Document]]] = {}
    for model in ALL:
        domains.setdefault(model.__module__.split(".")[2], []).append(model)
    parts = [INTRODUCTION]
    for domain, members in domains.items():
        parts.append(f"## {domain}\n\n{_domain_line(domain)}\n")
        parts += ["\n".join(_section(model)) for model in members]
        parts.append("\n".join(_enums(members)))
    return "\n".join(parts)


def _domain_line(domain: str) -> str:
    return (sys.modules[f"docstore.models.{domain}"].__doc__ or "").partition("\n")[0]


def _section(model: type[Document]) -> Iterator[str]:
    yield f"### {model.__name__}\n"
    yield " ".join((model.__doc__ or "").split())
    yield "\n| field | type | default | reference |\n|---|---|---|---|"
    references = {reference.attribute: reference for reference in references_of(model)}
    for name, info in model.model_fields.items():
        if name in Document.model_fields:
            continue
        reference = references.get(name)
        rule = f"{reference.target}, {reference.on_delete.name}" if reference else ""
        yield f"| `{info.alias or name}` | {_type_text(info.annotation)} | {_default_text(info)} | {rule} |"
    if model.states is not None:
        yield f"\nSteps of `{model.states.field}`:\n"
        for state, targets in model.states.steps.items():
            ways = ", ".join(each for each in type(state) if each in targets)
            yield f"- {state} → {ways or 'nothing'}"
    if indexes := declared_indexes(model):
        yield "\n| index | kind | serves |\n|---|---|---|"
        for each in indexes:
            yield f"| {_keys_text(model, each)} | {_kind_text(each)} | {each.serves} |"
    yield ""


def _enums(members: list[type[Document]]) -> Iterator[str]:
    found: dict[str, type[Enum]] = {}
    for model in members:
        for info in model.model_fields.values():
            for inner in _leaves(info.annotation):
                if isinstance(inner, type) and issubclass(inner, StrEnum):
                    found[inner.__name__] = inner
    if found:
        yield "| enum | values |\n|---|---|"
        for name, enum in found.items():
            yield f"| {name} | {', '.join(str(each.value) for each in enum)} |"
        yield ""


def _leaves(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for each in arguments:
        yield from _leaves(each)


def _type_text(annotation: Any) -> str:
    if annotation == Json:
        return "json"
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _type_text(arguments[0])
    if get_origin(annotation) is list:
        return f"{_type_text(arguments[0])}[]"
    if NoneType in arguments:
        return _type_text(next(each for each in arguments if each is not NoneType)) + "?"
    names = {"TokenHash": "token", "SecretStr": "secret", "PydanticObjectId": "ObjectId"}
    return names.get(annotation.__name__) or str(annotation.__name__)


def _default_text(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if info.default_factory is utc_now:
        return "now"
    default = info.get_default(call_default_factory=True, validated_data={})
    if default is None:
        return ""
    if isinstance(default, list):
        return f"[{', '.join(str(each) for each in default)}]"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _keys_text(model: type[BaseModel], declared: Index) -> str:
    keys = declared.to_index_model(model).document["key"]
    return ", ".join(f"`{name}`{' ↓' if direction < 0 else ''}" for name, direction in keys.items())


def _kind_text(declared: Index) -> str:
    words = ["unique"] if declared.unique else []
    if declared.when_set:
        words.append("when set")
    words += [f"where `{name}` is {_condition_text(value)}" for name, value in declared.where.items()]
    if declared.expire_after is not None:
        words.append(f"expires after {declared.expire_after} s")
    return ", ".join(words)


def _condition_text(value: Any) -> str:
    if isinstance(value, dict) and "$in" in value:
        return "one of " + ", ".join("null" if each is None else str(each) for each in value["$in"])
    return "null" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
