"""Relations as models declare them: `belongs_to`, `has_one`, `has_many`; and the loaded value on a document.

    class Post(Document):
        author_id: Annotated[DocumentId, Ref("Author")]
        author: ClassVar[One["Author"]] = belongs_to("author_id")
        tags: ClassVar[Many["Tag"]] = has_many("Tag", through="TagOnPost", sort="slug")

`post.author` is the loaded Author, `Post.author` the relation itself.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar, overload

from docstore.documents.filters.trusted import trusted
from docstore.errors import RelationError, RelationNotLoaded

T = TypeVar("T")
_SLOT = "_related"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a relation leads to, and by which attributes.

    Args:
        target: the related model's class name; None for `belongs_to`, where the reference says it.
        by: the attribute that refers: this model's own for `belongs_to`, else the related or linking model's.
        through: the linking model's class name.
        to: the linking model's attribute that refers to the target.
        many: whether it leads to a list.
    """

    target: str | None
    by: str | None
    through: str | None = None
    to: str | None = None
    many: bool = False

    @property
    def forward(self) -> bool:
        """Whether this model's own reference leads to it."""
        return self.target is None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the related documents are wanted, in what order, how many for each parent, with what relations."""

    where: tuple[Any, ...] = ()
    sort: tuple[Any, ...] = ()
    limit: int | None = None
    include: tuple[Any, ...] = field(default=())


class Relation(Generic[T]):
    """A relation of a model. Narrowed copies are what `include` takes: ``Account.reviews.sort("-stars").limit(3)``."""

    def __init__(self, shape: Shape, choice: Choice | None = None, name: str = "") -> None:
        self.shape = shape
        self.choice = choice or Choice()
        self.name = name

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<relation {self.name}>"

    def where(self, *filters: Mapping[Any, Any] | bool) -> Self:
        """This relation with only those related documents that match, too; filters as in a query of their model."""
        return self._with(where=(*self.choice.where, *filters))

    def sort(self, *keys: Any) -> Self:
        """This relation in another order: attributes, a leading ``-`` for descending, or ``-Review.stars``."""
        return self._with(sort=keys)

    def limit(self, number: int | None) -> Self:
        """This relation with at most so many related documents for each parent; None for all."""
        given: Any = number
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
            raise RelationError(
                f"limit of the relation {self.name!r} is a whole number from 1 on, or None.",
                value_type=type(given).__name__,
            )
        return self._with(limit=number)

    def include(self, *paths: "str | Relation[Any]") -> Self:
        """This relation together with relations of the related documents."""
        return self._with(include=(*self.choice.include, *paths))

    def _with(self, **changes: Any) -> Self:
        narrowed = copy(self)
        narrowed.choice = Choice(
            **{name: changes.get(name, getattr(self.choice, name)) for name in ("where", "sort", "limit", "include")}
        )
        return narrowed


class One(Relation[T]):
    """A relation to one document; on a document the loaded one, or None where there is none (any more)."""

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any]) -> T | None: ...
    def __get__(self, instance: object | None, owner: type[Any]) -> Self | T | None:
        if instance is None:
            return self
        value: T | None = loaded(instance, self.name)
        return value


class Many(Relation[T]):
    """A relation to many documents; on a document the list of the loaded ones."""

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any]) -> list[T]: ...
    def __get__(self, instance: object | None, owner: type[Any]) -> Self | list[T]:
        if instance is None:
            return self
        value: list[T] = loaded(instance, self.name)
        return value


def belongs_to(by: str) -> One[Any]:
    """The document that this model's reference attribute `by` refers to."""
    return One(Shape(None, by))


def has_one(target: str, *, by: str | None = None) -> One[Any]:
    """The one document of `target` that refers here, such as a row of statistics.

    Args:
        target: the other model's class name.
        by: its attribute that refers here; needed when there are several.
    """
    return One(Shape(target, by))


def has_many(
    target: str,
    *,
    by: str | None = None,
    through: str | None = None,
    to: str | None = None,
    where: Mapping[str, Any] | None = None,
    sort: str | Sequence[str] = (),
    limit: int | None = None,
) -> Many[Any]:
    """The documents of `target` that refer here, or that a linking model connects with this one.

    Args:
        target: the other model's class name.
        by: the attribute of the target, or of the linking model, that refers here; needed when there are several.
        through: the linking model's class name, such as ``"TagOnPost"``.
        to: the linking model's attribute that refers to the target; needed when there are several.
        where: only these, as a filter of stored fields; a declaration's own operators need no `trusted()`.
        sort: attributes of the target, a leading ``-`` for descending. By default the oldest first or, through a
            linking model, the first linked first.
        limit: at most so many for each parent.
    """
    keys = (sort,) if isinstance(sort, str) else tuple(sort)
    choice = Choice((trusted(where),) if where else (), keys, limit)
    return Many(Shape(target, by, through, to, many=True), choice)


# The loaded values, in a slot beside the document's fields: they are compared, dumped and written by nobody.


def put(document: Any, name: str, value: Any, followed: tuple[str, Any] | None = None) -> None:
    """Keep a loaded relation; `followed` is the document's own reference that led to it, attribute and value."""
    try:
        values = object.__getattribute__(document, _SLOT)  # an empty slot is no attribute for the class to look for
    except AttributeError:
        values = {}
        object.__setattr__(document, _SLOT, values)
    values[name] = (value, followed)


def loaded(document: Any, name: str) -> Any:
    """The loaded relation of a document.

    Raises:
        RelationNotLoaded: it was not fetched, or the reference was assigned to since.
    """
    model = document.__class__.__name__
    entry = (getattr(document, _SLOT, None) or {}).get(name)
    if entry is None:
        raise RelationNotLoaded(
            f"{model}.{name} was not loaded.",
            hint=f"Add .include({name!r}) to the query, or await include({model.lower()}, {name!r}).",
            collection=model,
            field=name,
        )
    value, followed = entry
    if followed is not None and getattr(document, followed[0]) != followed[1]:
        raise RelationNotLoaded(
            f"{model}.{followed[0]} changed since {name} was loaded.",
            hint=f"await include({model.lower()}, {name!r}) again.",
            collection=model,
            field=name,
        )
    return value


class RelatedView:
    """The loaded relations of a document by name, the derived ones too: ``post.related.ideas``."""

    __slots__ = ("_document",)

    def __init__(self, document: Any) -> None:
        self._document = document

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return loaded(self._document, name)

    def __getitem__(self, name: str) -> Any:
        return loaded(self._document, name)

    def __contains__(self, name: object) -> bool:
        return name in (getattr(self._document, _SLOT, None) or {})

    def __dir__(self) -> list[str]:
        return sorted(getattr(self._document, _SLOT, None) or {})
