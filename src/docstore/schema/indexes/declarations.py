"""Where an index is declared, in the words of the declaration."""

from __future__ import annotations

from collections.abc import Sequence

from docstore.documents import Index, StoredDocument, declared_indexes


def declarations(models: Sequence[type[StoredDocument]]) -> dict[str, str]:
    """The declaration of each index of a collection by the index's name: ``Post.indexes: index("title", …)``."""
    told: dict[str, str] = {}
    for model in models:
        own = set(map(id, getattr(model, "indexes", ())))
        for each in declared_indexes(model):
            name = each.to_index_model(model).document["name"]
            if not each.serves:
                told.setdefault(name, f"{model.__name__}.Settings.indexes: {name}")
            elif id(each) in own:
                told.setdefault(name, f"{model.__name__}.indexes: {declaration_told(each)}")
            else:
                told.setdefault(name, f"{model.__name__}.{each.attributes[0]}, a reference")
    return told


def declaration_told(declared: Index) -> str:
    """A declaration as it stands in the source: ``index("status", "-publish_date", …)``."""
    words = [f'"{name}"' for name in declared.attributes]
    if declared.when_set:
        words.append(f"when_set={list(declared.when_set)!r}")
    if declared.expire_after is not None:
        words.append(f"expire_after={declared.expire_after}")
    if not declared.unique:
        words.append("serves=…")
    return f"{'unique' if declared.unique else 'index'}({', '.join(words)})"
