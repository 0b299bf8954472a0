"""The filter that continues an order from a place: what a keyset page has instead of a skip."""

from collections.abc import Mapping
from typing import Any

from docstore.documents.pages.brackets import past, reaching
from docstore.documents.pages.order import Order, Place


def beyond(order: Order, place: Place, *, inclusive: bool = False) -> dict[str, Any]:
    """The filter of documents behind a place.

    For an order of ``a, _id`` and the place ``(x, i)`` it says: a is at least x, and (a is behind x, or a is x and _id
    is behind i). The first part looks redundant and is what makes a page cheap: with an index on the query's
    equalities and then the order's fields, the server starts reading at the place, in order, without a sort stage.

    Args:
        order: ends in `_id`.
        place: a value for each of the order's fields. Values stand under operators, so none can become one.
        inclusive: whether the place itself belongs to it.
    """
    alternatives: list[dict[str, Any]] = []
    same: dict[str, Any] = {}
    for key, value in zip(order[:-1], place[:-1], strict=True):
        alternatives += [{**same, key.field: condition} for condition in past(value, ascending=key.ascending)]
        same[key.field] = {"$eq": value}
    alternatives.append({**same, order[-1].field: _behind_id(place[-1], order[-1].ascending, inclusive)})
    if len(order) == 1:
        return alternatives[0]
    start = reaching(place[0], ascending=order[0].ascending)
    lead: dict[str, Any] = {} if start is None else {order[0].field: start}
    return {**lead, "$or": alternatives}


def _behind_id(value: Any, ascending: bool, inclusive: bool) -> Mapping[str, Any]:
    operator = {(True, False): "$gt", (True, True): "$gte", (False, False): "$lt", (False, True): "$lte"}
    return {operator[ascending, inclusive]: value}
