"""MongoDB's operators in their typed spelling, for the messages of refusals."""

from typing import Final

_UNDER_A_FIELD: Final = {
    "$eq": "{field} == value",
    "$ne": "{field} != value",
    "$gt": "{field} > value",
    "$gte": "{field} >= value",
    "$lt": "{field} < value",
    "$lte": "{field} <= value",
    "$in": "In({field}, values)",
    "$nin": "NotIn({field}, values)",
    "$regex": "RegEx({field}, pattern)",
    "$options": "RegEx({field}, pattern, options)",
    "$exists": "Exists({field}, True)",
    "$size": "Size({field}, length)",
    "$all": "All({field}, values)",
    "$elemMatch": "ElemMatch({field}, {{...}})",
    "$not": "Not({field} == value)",
    "$mod": "Mod({field}, divisor, remainder)",
    "$type": "Type({field}, types)",
}
_ON_TOP: Final = {
    "$expr": "Expr(expression)",
    "$text": "Text(search)",
    "$jsonSchema": "JsonSchema(schema)",
}


def typed_spelling(operator: str, field: str) -> str | None:
    """How an operator under `field` is written as an expression; None where there is no such operator."""
    spelled = _UNDER_A_FIELD.get(operator)
    return spelled.format(field=field) if spelled else None


def typed_spelling_on_top(operator: str) -> str | None:
    """How an operator on top of a filter is written as an expression."""
    return _ON_TOP.get(operator)
