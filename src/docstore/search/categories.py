"""Records of the index `categories`: every category, with the path of its parents' names."""

from collections.abc import Collection, Sequence

from docstore.documents.guard import Scope
from docstore.models import Category
from docstore.search.reading import by_id, related_ids
from docstore.search.records import Id, Record, SearchRecord, instant

_SEPARATOR = " > "


async def compose(categories: Sequence[Category]) -> list[Record]:
    """The records of categories."""
    tree = await _with_parents({Id(each.id): each for each in categories if each.id is not None})
    return [_record(category, tree) for category in categories]


def _record(category: Category, tree: dict[Id, Category]) -> Record:
    return {
        "objectID": str(category.id),
        "name": category.name,
        "slug": category.slug,
        "shortDescription": category.short_description,
        "longDescription": category.long_description,
        "keywords": list(category.keywords),
        "parentId": str(category.parent_id) if category.parent_id else None,
        "parentCategory": _path_of_parents(category, tree),
        "popular": category.popular,
        "depth": category.depth,
        "createdAt": instant(category.created_at),
        "updatedAt": instant(category.updated_at),
    }


def _path_of_parents(category: Category, tree: dict[Id, Category]) -> str | None:
    names: list[str] = []
    seen = {category.id}
    above = tree.get(category.parent_id) if category.parent_id else None
    while above is not None and above.id not in seen:  # a ring in old data must not hang
        seen.add(above.id)
        names.append(above.name)
        above = tree.get(above.parent_id) if above.parent_id else None
    return _SEPARATOR.join(reversed(names)) or None


async def _with_parents(categories: dict[Id, Category]) -> dict[Id, Category]:
    """The categories and all above them, one query a level."""
    tree = dict(categories)
    wanted = _missing_parents(tree.values(), tree)
    while wanted:
        level = await by_id(Category, wanted)
        tree |= level
        wanted = _missing_parents(level.values(), tree)
    return tree


def _missing_parents(level: Collection[Category], tree: dict[Id, Category]) -> set[Id]:
    return {each.parent_id for each in level if each.parent_id is not None and each.parent_id not in tree}


async def _below(category_ids: Sequence[Id]) -> set[Id]:
    """All categories below these, whose paths bear their names."""
    found: set[Id] = set()
    level = set(category_ids)
    while level:
        level = await related_ids(Category, "parentId", level, scope=Scope.LIVING) - found
        found |= level
    return found


CATEGORIES = SearchRecord("categories", Category, compose, touched_by={"Category": _below})
