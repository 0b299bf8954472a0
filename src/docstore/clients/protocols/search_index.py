"""What may be asked of a search engine: records, queries, and how its indexes are set up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of search hits.

    Attributes:
        hits: the records of this page, best first.
        total: how many records match, over all pages.
        page: this page's number, from 0.
        pages: how many pages there are.
        facets: facet name to value to number of matching records, for the facets that were asked for.
    """

    hits: list[dict[str, JsonValue]]
    total: int
    page: int
    pages: int
    facets: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """A record that was checked, and is sent as it stands: its objectID, and its JSON with sorted keys."""

    object_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index as the engine lists it.

    Attributes:
        name: its logical name.
        records: how many it holds.
        updated_at: ISO 8601, when it was changed last.
        pending: whether changes of it are still being carried out.
        primary: the index that it is a replica of.
    """

    name: str
    records: int
    updated_at: str = ""
    pending: bool = False
    primary: str | None = None


@runtime_checkable
class SearchIndex(Protocol):
    """Records in named indexes. Names are logical: the adapter adds the deployment's prefix.

    A record is a mapping with a string ``objectID``. Writes return once they are visible to reads, unless told not to
    wait. Every write may be repeated.
    """

    def prepare(self, index: str, record: Mapping[str, JsonValue]) -> PreparedRecord:
        """The record as it would be sent.

        Raises:
            ValidationFailed: it has no objectID, is too large, or holds what JSON does not know; names the field.
        """
        ...

    async def save_objects(
        self, index: str, records: Sequence[Mapping[str, JsonValue] | PreparedRecord], *, wait: bool = True
    ) -> None:
        """Add or replace whole records by ``objectID``, in batches by count and bytes.

        Args:
            index: the logical name.
            records: checked before the first is sent, where they were not prepared already.
            wait: until they are visible; otherwise `settle` does.
        """
        ...

    async def settle(self, index: str) -> None:
        """Wait until all writes of this adapter that did not wait are visible."""
        ...

    async def partial_update(
        self,
        index: str,
        object_id: str,
        attributes: Mapping[str, JsonValue],
        *,
        create_if_missing: bool = False,
    ) -> None:
        """Set some attributes of one record; an absent record is created only when asked for."""
        ...

    async def partial_update_many(
        self, index: str, updates: Mapping[str, Mapping[str, JsonValue]], *, create_if_missing: bool = False
    ) -> None:
        """As `partial_update`, for attributes by objectID."""
        ...

    async def delete_objects(self, index: str, object_ids: Sequence[str], *, wait: bool = True) -> None:
        """Remove records by id; absent ids are no error."""
        ...

    async def search(
        self,
        index: str,
        query: str = "",
        *,
        filters: str = "",
        facet_filters: Sequence[Sequence[str]] = (),
        numeric_filters: Sequence[str] = (),
        page: int = 0,
        hits_per_page: int = 20,
        facets: Sequence[str] = (),
    ) -> SearchPage:
        """Search, with pages counted from 0.

        Args:
            index: the logical name, or that of a replica.
            query: the words.
            filters: in the engine's own filter language.
            facet_filters: ``attribute:value``; any of an inner sequence, and all of the outer one.
            numeric_filters: such as ``rating >= 4``; all of them.
            page: which page.
            hits_per_page: how many records a page has.
            facets: attributes whose values are to be counted.
        """
        ...

    async def get_object(self, index: str, object_id: str) -> dict[str, JsonValue] | None:
        """One record, or None."""
        ...

    async def get_objects(
        self, index: str, object_ids: Sequence[str], *, attributes: Sequence[str] | None = None
    ) -> dict[str, dict[str, JsonValue]]:
        """The records that are there, by objectID; with these attributes alone where given."""
        ...

    def browse(self, index: str, *, attributes: Sequence[str] | None = None) -> AsyncIterator[dict[str, JsonValue]]:
        """Every record of the index, in no order; nothing when the index does not exist."""
        ...

    async def get_settings(self, index: str) -> dict[str, JsonValue]:
        """The index's settings as the engine holds them."""
        ...

    async def set_settings(self, index: str, settings: Mapping[str, JsonValue]) -> None:
        """Change the given settings and leave the others."""
        ...

    async def get_synonyms(self, index: str) -> list[dict[str, JsonValue]]:
        """All synonyms, by objectID in order; none when the index does not exist."""
        ...

    async def set_synonyms(self, index: str, synonyms: Sequence[Mapping[str, JsonValue]]) -> None:
        """Have these synonyms and no others."""
        ...

    async def get_rules(self, index: str) -> list[dict[str, JsonValue]]:
        """All rules, by objectID in order; none when the index does not exist."""
        ...

    async def set_rules(self, index: str, rules: Sequence[Mapping[str, JsonValue]]) -> None:
        """Have these rules and no others."""
        ...

    async def copy_configuration(self, source: str, destination: str) -> None:
        """Give an index, made where it is not there, the settings, synonyms and rules of another, but no replicas."""
        ...

    async def move(self, source: str, destination: str) -> None:
        """Put an index in the place of another, whose replicas follow; nothing happens when there is no source."""
        ...

    async def delete_index(self, index: str) -> None:
        """Remove an index; an absent one is no error."""
        ...

    async def list_indexes(self) -> list[IndexInfo]:
        """The indexes of this deployment: those that carry its prefix."""
        ...

    async def exists(self, index: str) -> bool:
        """Whether the index exists."""
        ...

    async def count(self, index: str) -> int:
        """How many records the index holds; 0 when it does not exist."""
        ...
