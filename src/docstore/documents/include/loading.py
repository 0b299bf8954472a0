"""Loading relations of documents that are there already: one query for each relation and level."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.include.fetching import fetch_backward, fetch_forward
from docstore.documents.include.paths import Node, Path, tree_of
from docstore.documents.include.resolving import Resolved, find_relation, resolve
from docstore.errors import RelationError

ResultT = TypeVar("ResultT")
Session = AsyncClientSession | None


async def include(documents: ResultT, *paths: Path, session: Session = None) -> ResultT:
    """Load relations of documents: ``await include(post, "author", "tags")``.

    One query for each relation and level (for each 5,000 documents, where there are more), without the deleted.

    Args:
        documents: one document, or a list or page of them.
        paths: names of relations, dotted for relations of the related (``"comments.author"``), or relations
            narrowed in place (``Account.reviews.sort("-stars").limit(3)``).
        session: a driver session; the ambient transaction's by default.

    Returns:
        The same documents; ``post.author`` is there now.

    Raises:
        UnknownRelation: a name is none of the model's relations; names the near miss.
        RelationError: a relation cannot be loaded as it is declared.
        NotBound: a related model is not bound to the same database.
    """
    given: Any = documents
    if given is not None:
        await load([given] if hasattr(type(given), "model_fields") else list(given), paths, session)
    return documents


async def load(documents: Iterable[Any], paths: Iterable[Path], session: Session = None) -> None:
    """Load relations of documents, as `include` does."""
    await _load_level([each for each in documents if each is not None], tree_of(paths), session)


def check_paths(model: Any, paths: Iterable[Path]) -> None:
    """Resolve paths without loading anything, so that a wrong name is told although there is nothing to load it for.

    Raises:
        UnknownRelation, RelationError, NotBound: as `include`.
    """
    _check_level(model, tree_of(paths))


def _check_level(model: Any, tree: dict[str, Node]) -> None:
    for name, node in tree.items():
        _check_level(_resolved(model, name, node).target, node.below)


async def _load_level(documents: Sequence[Any], tree: dict[str, Node], session: Session) -> None:
    for name, node in tree.items():
        for relation, members in _by_relation(documents, name, node):
            related = await _fetch(relation, members, session)
            if node.below and related:
                await _load_level(related, node.below, session)


async def _fetch(relation: Resolved, documents: Sequence[Any], session: Session) -> list[Any]:
    if relation.forward:
        return await fetch_forward(relation, documents, session)
    return await fetch_backward(relation, documents, session)


def _by_relation(documents: Sequence[Any], name: str, node: Node) -> list[tuple[Resolved, list[Any]]]:
    # Documents of several classes mostly inherit the one relation, and share its query.
    members: dict[type[Any], list[Any]] = {}
    for document in documents:
        members.setdefault(document.__class__, []).append(document)
    groups: list[tuple[Resolved, list[Any]]] = []
    for model, those in members.items():
        relation = _resolved(model, name, node)
        same = next((group for known, group in groups if known == relation), None)
        if same is None:
            groups.append((relation, those))
        else:
            same.extend(those)
    return groups


def _resolved(model: Any, name: str, node: Node) -> Resolved:
    if not hasattr(model, "get_pymongo_collection"):
        raise RelationError(
            f"{model.__name__} is no document: relations are loaded for whole documents.",
            hint="Use include() without project() and values().",
            collection=model.__name__,
        )
    return resolve(model, node.relation or find_relation(model, name))
