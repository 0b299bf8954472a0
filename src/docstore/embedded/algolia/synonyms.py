"""Synonyms of an index: stored as they came, compiled to alternatives of a word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from docstore.embedded.algolia.errors import bad_request
from docstore.embedded.algolia.text import words

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "synonym": ("synonyms",),
    "onewaysynonym": ("input", "synonyms"),
    "altcorrection1": ("word", "corrections"),
    "altcorrection2": ("word", "corrections"),
    "placeholder": ("placeholder", "replacements"),
}


def check_synonym(synonym: Any) -> dict[str, Any]:
    """The synonym itself, when it is one.

    Raises:
        ApiError: 400, the type is unknown or a member is missing.
    """
    if not isinstance(synonym, dict) or not synonym.get("objectID"):
        raise bad_request("A synonym needs an objectID")
    needed = _REQUIRED.get(str(synonym.get("type", "")).lower())
    if needed is None:
        raise bad_request(f"Invalid synonym type near objectID {synonym['objectID']}")
    for member in needed:
        if not synonym.get(member):
            raise bad_request(f"Synonym {synonym['objectID']} needs the attribute {member}")
    return synonym


def compile_synonyms(synonyms: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Word to the words that answer it. Synonyms of several words are compared by single words only,
    so they are left out here; placeholders need an engine and are stored but not applied."""
    table: defaultdict[str, set[str]] = defaultdict(set)
    for synonym in synonyms:
        kind = str(synonym["type"]).lower()
        if kind == "synonym":
            group = _single(synonym["synonyms"])
            for word in group:
                table[word] |= group - {word}
        elif kind == "onewaysynonym":
            for word in _single([synonym["input"]]):
                table[word] |= _single(synonym["synonyms"])
        elif kind != "placeholder":
            for word in _single([synonym["word"]]):
                table[word] |= _single(synonym["corrections"])
    return {word: frozenset(alternatives) for word, alternatives in table.items()}


def _single(texts: Iterable[Any]) -> set[str]:
    cut = (words(str(text)) for text in texts)
    return {parts[0] for parts in cut if len(parts) == 1}
