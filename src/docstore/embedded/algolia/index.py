"""One index: its records and its configuration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from docstore.embedded.algolia.matching import FieldCache
from docstore.embedded.algolia.synonyms import compile_synonyms
from docstore.embedded.algolia.values import Record

Entries = dict[str, dict[str, Any]]
"""Synonyms or rules by objectID."""

DEFAULT_SETTINGS: dict[str, Any] = {
    "minWordSizefor1Typo": 4,
    "minWordSizefor2Typos": 8,
    "hitsPerPage": 20,
    "maxValuesPerFacet": 100,
    "searchableAttributes": None,
    "attributesToRetrieve": None,
    "unretrievableAttributes": None,
    "optionalWords": None,
    "attributesForFaceting": None,
    "attributesToSnippet": None,
    "attributesToHighlight": None,
    "paginationLimitedTo": 1000,
    "attributeForDistinct": None,
    "exactOnSingleWordQuery": "attribute",
    "ranking": ["typo", "geo", "words", "filters", "proximity", "attribute", "exact", "custom"],
    "customRanking": None,
    "separatorsToIndex": "",
    "removeWordsIfNoResults": "none",
    "queryType": "prefixLast",
    "highlightPreTag": "<em>",
    "highlightPostTag": "</em>",
    "alternativesAsExact": ["ignorePlurals", "singleWordSynonym"],
}


def now() -> str:
    """The current time as Algolia writes it: UTC, milliseconds, ``Z``."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Index:
    """Records and configuration of one index.

    A replica has a `parent` and reads its very records, so whatever is written there is in it at once.
    A virtual replica reads the parent's settings, synonyms and rules too and keeps only its own order.
    """

    name: str
    own_records: dict[str, Record] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    synonyms: Entries = field(default_factory=dict)
    rules: Entries = field(default_factory=dict)
    parent: Index | None = None
    virtual: bool = False
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    fields: FieldCache = field(default_factory=FieldCache, repr=False)
    version: int = 0
    _sorted: tuple[tuple[int, int], list[str]] | None = field(default=None, repr=False)
    _compiled: tuple[Entries, dict[str, frozenset[str]]] | None = field(default=None, repr=False)

    @property
    def records(self) -> dict[str, Record]:
        """The records by objectID: the parent's for a replica."""
        return self.own_records if self.parent is None else self.parent.records

    @property
    def configuration(self) -> Index:
        """The index whose synonyms and rules count here."""
        return self.parent if self.virtual and self.parent is not None else self

    def effective_settings(self) -> dict[str, Any]:
        """The settings with Algolia's defaults filled in, as ``getSettings`` answers them."""
        if self.parent is None:
            return {**DEFAULT_SETTINGS, **self.settings}
        inherited = self.parent.settings if self.virtual else {}
        shown = {**DEFAULT_SETTINGS, **inherited, **self.settings, "primary": self.parent.name}
        return {name: value for name, value in shown.items() if name != "replicas"}

    def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Set some settings; null puts one back to its default."""
        merged = {**self.settings, **changes}
        self.settings = {name: value for name, value in merged.items() if value is not None}
        self.touch()

    def alternatives(self) -> dict[str, frozenset[str]]:
        """What each word is also found as."""
        synonyms = self.configuration.synonyms
        # Synonyms are replaced as a whole, never changed in place, so identity is enough.
        if self._compiled is None or self._compiled[0] is not synonyms:
            self._compiled = (synonyms, compile_synonyms(synonyms.values()))
        return self._compiled[1]

    def sorted_ids(self) -> list[str]:
        """The objectIDs of the records in order; sorted anew only after a change."""
        owner = self if self.parent is None else self.parent
        state = (owner.version, id(owner.own_records))
        if owner._sorted is None or owner._sorted[0] != state:
            owner._sorted = (state, sorted(owner.own_records))
        return owner._sorted[1]

    def touch(self) -> None:
        """Note that the index changed now."""
        self.updated_at = now()
        self.version += 1
