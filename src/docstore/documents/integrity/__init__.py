"""References kept whole: what is referred to is there; what is deleted takes along or frees what refers to it.

Owns the checks of existence, the rules of deletion over the whole graph, their undoing, and the fence between the two.
Does not own how a model declares a reference (`documents/references.py`), nor loading what it leads to.
"""

from docstore.documents.integrity.bound import BoundReferences
from docstore.documents.integrity.deletion import resume_deletions
from docstore.documents.integrity.graph import ReferenceGraph, graph_of
from docstore.documents.integrity.keeper import CollectionKeeper
from docstore.documents.integrity.steps import DeletionStep, StepState

__all__ = [
    "BoundReferences",
    "CollectionKeeper",
    "DeletionStep",
    "ReferenceGraph",
    "StepState",
    "graph_of",
    "resume_deletions",
]
