"""Cutting a page out of a query: one find, and for a numbered page a count where the total is not known yet."""

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING

from docstore.documents.driver_errors import translated
from docstore.documents.guard.filters import conjunction
from docstore.documents.pages.cursors import Cursor, CursorCodec, digest_of
from docstore.documents.pages.keyset import beyond
from docstore.documents.pages.order import ID, Order, Place, check_names, place_of, total_order
from docstore.documents.pages.page import NumberedPage, Page, check_limit, check_number
from docstore.errors import PageError


async def fetch_page(query: Any, limit: int, after: str | None, before: str | None, bound_to: Any) -> Page[Any]:
    """The page of `query` behind or in front of a cursor, or its first; the arguments are those of `query.page`."""
    collection = query.document_model.get_pymongo_collection()
    check_limit(limit, query._model().page_limit, collection.name)
    if after is not None and before is not None:
        raise PageError(
            f"a page of {collection.name} lies after a cursor or before one, not both.",
            hint="Give after or before.",
            collection=collection.name,
        )
    order = _order(query, collection.name)
    filter = query.get_filter_query()
    codec = CursorCodec(
        order,
        digest_of(
            order,
            collection.scope.value,
            filter if bound_to is None else {"name": bound_to},
            query.pymongo_kwargs.get("collation"),
            collection.name,
        ),
        collection.database.registry.cursor_key,
        collection.name,
    )
    text = before if after is None else after
    start = None if text is None else codec.read(text)
    direction = order if before is None else tuple(key.reversed for key in order)
    if start is not None:
        filter = conjunction(filter, beyond(direction, start.place, inclusive=start.inclusive))
    fields = _Fields(query, order, collection.name)
    found = await _find(query, filter, direction, fields.projection, limit=limit + 1)
    more = len(found) > limit
    found = found[:limit]
    if before is not None:
        found.reverse()
    places = [fields.place(found[0]), fields.place(found[-1])] if found else []
    return _page(
        await query._parse(fields.stripped(found)),
        limit,
        codec,
        # Behind an empty page lies the place it started from, itself included.
        ends=(Cursor(places[0]), Cursor(places[1])) if places else (_turned(start), _turned(start)),
        has_next=more if before is None else True,
        has_previous=more if before is not None else after is not None,
    )


async def fetch_numbered_page(query: Any, page: int, limit: int) -> NumberedPage[Any]:
    """Page number `page` of `query`; the arguments are those of `query.paginate`."""
    collection = query.document_model.get_pymongo_collection()
    check_limit(limit, query._model().page_limit, collection.name)
    check_number(page, collection.name)
    skipped = (page - 1) * limit
    order = _order(query, collection.name, travels=False)
    found = await _find(query, query.get_filter_query(), order, query._projection(), limit=limit, skip=skipped)
    # A page that is not full is the last one, and tells the total.
    total = skipped + len(found) if 0 < len(found) < limit or (page == 1 and not found) else await query.count()
    return NumberedPage(await query._parse(found), page, limit, total, -(-total // limit))


def _page(
    items: list[Any],
    limit: int,
    codec: CursorCodec,
    *,
    ends: tuple[Cursor | None, Cursor | None],
    has_next: bool,
    has_previous: bool,
) -> Page[Any]:
    first, last = ends
    return Page(
        items,
        limit,
        next_cursor=codec.write(last) if has_next and last is not None else None,
        previous_cursor=codec.write(first) if has_previous and first is not None else None,
        has_next=has_next,
        has_previous=has_previous,
    )


def _turned(start: Cursor | None) -> Cursor | None:
    return None if start is None else Cursor(start.place, inclusive=not start.inclusive)


async def _find(
    query: Any,
    filter: Mapping[str, Any],
    order: Order,
    projection: Mapping[str, Any] | None,
    *,
    limit: int,
    skip: int = 0,
) -> list[dict[str, Any]]:
    collection = query.document_model.get_pymongo_collection()
    cursor = collection.find(
        filter,
        projection=projection,
        sort=[(key.field, ASCENDING if key.ascending else DESCENDING) for key in order],
        limit=limit,
        skip=skip,
        session=query.session,
        **query.pymongo_kwargs,
    )
    with translated(collection.name, reads=True):
        found: list[dict[str, Any]] = await cursor.to_list()
    return found


def _order(query: Any, collection: str, *, travels: bool = True) -> Order:
    if query.skip_number or query.limit_number or query.fetch_links:
        raise PageError(
            f"a page of {collection} sets limit and skip itself, and fetches no links.",
            hint="Leave out skip(), limit() and fetch_links; relations are loaded by include().",
            collection=collection,
        )
    model = query._model()
    order = total_order(query.sort_expressions, collection)
    names = {name: info.alias or name for name, info in model.model_fields.items()}
    check_names(order, names, _secret(model) if travels else frozenset(), collection)
    return order


def _secret(model: Any) -> frozenset[str]:
    from docstore.documents.audit.masking import masked_paths  # it knows the documents, which have pages

    return masked_paths(model)


class _Fields:
    """What a page asks the server for: the query's own projection, and the sort's values, which a cursor is made of."""

    def __init__(self, query: Any, order: Order, collection: str) -> None:
        self._order = order
        self._collection = collection
        self._asked: Mapping[str, Any] | None = query._projection()
        self._sources = [key.field for key in order]
        self._hidden: list[str] = []
        self.projection: Mapping[str, Any] | None = self._asked
        if self._asked is None:
            return
        if any(how for name, how in self._asked.items() if name != ID):
            # Under names of their own, so that they collide with nothing the query asks for or computes.
            self._sources = self._hidden = [f"__{number}" for number in range(len(order))]
            values = zip(self._hidden, (f"${key.field}" for key in order), strict=True)
            self.projection = {**self._asked, **dict(values)}
        else:
            self._hidden = [name for name in self._asked if any(_within(key.field, name) for key in order)]
            self.projection = {name: how for name, how in self._asked.items() if name not in self._hidden} or None

    def place(self, stored: Mapping[str, Any]) -> Place:
        """A fetched document's place in the order."""
        return place_of(stored, self._order, self._collection, self._sources)

    def stripped(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The documents as the query asked for them."""
        for stored in found if self._hidden else ():
            for name in self._hidden:
                stored.pop(name, None)
        return found


def _within(field: str, name: str) -> bool:
    return field == name or field.startswith(f"{name}.")
