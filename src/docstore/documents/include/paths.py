"""What was asked for, ``"author", "comments.author"``, as a tree with each relation once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from docstore.documents.include.relations import Relation
from docstore.errors import RelationError

Path = str | Relation[Any]


@dataclass(slots=True)
class Node:
    """A wanted relation, as narrowed by the caller if it was, and what is wanted below it."""

    relation: Relation[Any] | None = None
    below: "dict[str, Node]" = field(default_factory=dict)


def tree_of(paths: Iterable[Path]) -> dict[str, Node]:
    """The tree of these paths.

    Raises:
        RelationError: a path is neither text nor a relation, or is empty.
    """
    tree: dict[str, Node] = {}
    for path in paths:
        _add(tree, path)
    return tree


def _add(tree: dict[str, Node], path: Path) -> None:
    if isinstance(path, Relation):
        node = tree.setdefault(path.name, Node())
        node.relation = path
        for below in path.choice.include:
            _add(node.below, below)
        return
    names = path.split(".") if isinstance(path, str) else []  # type: ignore[redundant-expr]  # callers err
    if not all(names) or not names:
        raise RelationError(
            f"include() takes names of relations, not {type(path).__name__} {path!r}.",
            hint="Such as include('author', 'comments.author'), or include(Post.author).",
            value_type=type(path).__name__,
        )
    level = tree
    for name in names:
        level = level.setdefault(name, Node()).below
