"""The tree of categories, and which accounts are filed where."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from docstore.documents import (
    Document,
    DocumentId,
    Index,
    Many,
    NonEmpty,
    OnDelete,
    One,
    Ref,
    Slug,
    StrList,
    belongs_to,
    has_many,
    index,
    unique,
)

if TYPE_CHECKING:
    from docstore.models.reviews.accounts import Account


class Category(Document):
    """A subject that accounts are filed under. Categories form a tree; a root has no parent and depth 0."""

    name: NonEmpty
    slug: Slug
    short_description: str | None = None
    long_description: str | None = None
    keywords: StrList = Field(default_factory=list)
    parent_id: Annotated[DocumentId | None, Ref("Category", on_delete=OnDelete.RESTRICT)] = None
    popular: bool = False
    depth: int = 0

    parent: ClassVar[One["Category"]] = belongs_to("parent_id")
    children: ClassVar[Many["Category"]] = has_many("Category", by="parent_id", sort="name")
    accounts: ClassVar[Many["Account"]] = has_many("Account", through="CategoryMapping", sort="name", limit=20)

    announces: ClassVar[bool] = True
    indexes: ClassVar[Sequence[Index]] = (
        unique("slug"),
        index("name", serves="categories in alphabetical order"),
        index("parent_id", "name", serves="the children of a category in alphabetical order"),
        index("popular", "name", serves="popular categories in alphabetical order"),
        index("keywords", serves="categories of a keyword"),
    )


class CategoryMapping(Document):
    """That an account is filed under a category; at most once."""

    account_id: Annotated[DocumentId, Ref("Account", on_delete=OnDelete.CASCADE)]
    category_id: Annotated[DocumentId, Ref("Category", on_delete=OnDelete.CASCADE)]

    account: ClassVar[One["Account"]] = belongs_to("account_id")
    category: ClassVar[One[Category]] = belongs_to("category_id")

    announces: ClassVar[bool] = True
    part_of: ClassVar[frozenset[str]] = frozenset({"account_id"})
    indexes: ClassVar[Sequence[Index]] = (unique("account_id", "category_id", serves="the categories of an account"),)
