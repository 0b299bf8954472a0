"""Relations between documents, loaded in one extra query each: `Post.find().include("author", "tags")`.

Owns how relations are declared, named and loaded. Does not own references and what becomes of them on deletion
(`references.py`), nor the queries that ask for relations (`queries.py`).
"""

from docstore.documents.include.loading import include, load
from docstore.documents.include.relations import Many, One, Relation, belongs_to, has_many, has_one
from docstore.documents.include.resolving import relations_of

__all__ = [
    "Many",
    "One",
    "Relation",
    "belongs_to",
    "has_many",
    "has_one",
    "include",
    "load",
    "relations_of",
]
