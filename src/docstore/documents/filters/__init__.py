"""Safe filters: what a caller asks for, made into a filter in which no value can turn into an operator.

Owns the judgement of filters, sorts and updates given to a document's query methods. What reaches the guarded
collection directly, pipelines among it, is written as it is meant and not judged here.
"""

from beanie.operators import (
    GT,
    GTE,
    LT,
    LTE,
    NE,
    All,
    And,
    ElemMatch,
    Eq,
    Exists,
    Expr,
    In,
    Nor,
    Not,
    NotIn,
    Or,
    RegEx,
    Size,
    Text,
)

from docstore.documents.filters.trusted import trusted
from docstore.documents.filters.updates import Each

__all__ = [
    "GT",
    "GTE",
    "LT",
    "LTE",
    "NE",
    "All",
    "And",
    "Each",
    "ElemMatch",
    "Eq",
    "Exists",
    "Expr",
    "In",
    "Nor",
    "Not",
    "NotIn",
    "Or",
    "RegEx",
    "Size",
    "Text",
    "trusted",
]
