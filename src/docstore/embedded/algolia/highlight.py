"""Highlighting: the words of a query, marked in the values of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docstore.embedded.algolia.conditions import unwrap
from docstore.embedded.algolia.matching import Word
from docstore.embedded.algolia.text import tokenize
from docstore.embedded.algolia.values import Record, facet_text

_SNIPPET_WORDS = 10


@dataclass(frozen=True, slots=True)
class Emphasis:
    """A value with its matches marked."""

    value: str
    matched: tuple[str, ...]
    whole: bool


def emphasize(text: str, query: Sequence[Word], before: str, after: str) -> Emphasis:
    """Put the tags round each word of `text` that answers the query.

    A word that only begins with the query's last word is marked as far as it matches.
    """
    out: list[str] = []
    matched: list[str] = []
    at = marked = 0
    tokens = tokenize(text)
    for token in tokens:
        word = next((w for w in query if w.matches(token.folded)), None)
        if word is None:
            continue
        # Folding may change a text's length (ß); then the whole word is marked.
        partial = not word.exact(token.folded) and len(token.folded) == token.end - token.start
        end = token.start + len(word.text) if partial else token.end
        out += [text[at : token.start], before, text[token.start : end], after]
        at = end
        marked += not partial
        if word.text not in matched:
            matched.append(word.text)
    out.append(text[at:])
    return Emphasis("".join(out), tuple(matched), bool(tokens) and marked == len(tokens))


def highlight_results(
    record: Record,
    query: Sequence[Word],
    params: Mapping[str, Any],
    searchable: Sequence[tuple[int, bool, str]] | None,
) -> dict[str, Any]:
    """The ``_highlightResult`` of a hit: the searchable attributes, or those asked for."""
    asked = params.get("attributesToHighlight")
    if asked is None:
        names = [name for _, _, name in searchable] if searchable else list(record)
    else:
        names = list(record) if "*" in asked else [str(name) for name in asked]
    before, after = _tags(params)

    def mark(text: str) -> dict[str, Any]:
        emphasis = emphasize(text, query, before, after)
        result: dict[str, Any] = {
            "value": emphasis.value,
            "matchLevel": _level(emphasis, query),
            "matchedWords": list(emphasis.matched),
        }
        if emphasis.matched:
            result["fullyHighlighted"] = emphasis.whole
        return result

    return _marked(record, names, mark)


def snippet_results(record: Record, query: Sequence[Word], params: Mapping[str, Any]) -> dict[str, Any]:
    """The ``_snippetResult`` of a hit: an extract round the first match, of as many words as asked for."""
    before, after = _tags(params)
    ellipsis = str(params.get("snippetEllipsisText", "…"))
    out: dict[str, Any] = {}
    for entry in params.get("attributesToSnippet") or ():
        name, _, length = str(entry).partition(":")
        size = int(length) if length.isdigit() else _SNIPPET_WORDS

        def cut(text: str, size: int = size) -> dict[str, Any]:
            emphasis = emphasize(_extract(text, query, size, ellipsis), query, before, after)
            return {"value": emphasis.value, "matchLevel": _level(emphasis, query)}

        out.update(_marked(record, list(record) if name == "*" else [name], cut))
    return out


def _marked(record: Record, names: Sequence[str], mark: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in names:
        path = unwrap(name)[1]
        head, dot, rest = path.partition(".")
        if path in record:
            shown = _walk(record[path], mark)
        elif dot and isinstance(record.get(head), dict):
            nested = _marked(record[head], [rest], mark)
            shown = {**out.get(head, {}), **nested} if nested else None
            path = head
        else:
            continue
        if path != "objectID" and shown is not None:
            out[path] = shown
    return out


def _walk(value: Any, mark: Callable[[str], dict[str, Any]]) -> Any:
    if isinstance(value, dict):
        return {key: shown for key, inner in value.items() if (shown := _walk(inner, mark)) is not None}
    if isinstance(value, list):
        return [shown for inner in value if (shown := _walk(inner, mark)) is not None]
    if isinstance(value, bool) or value is None:
        return None
    return mark(facet_text(value))


def _extract(text: str, query: Sequence[Word], size: int, ellipsis: str) -> str:
    tokens = tokenize(text)
    if len(tokens) <= size:
        return text
    hit = next((at for at, t in enumerate(tokens) if any(w.matches(t.folded) for w in query)), 0)
    first = max(0, min(hit - size // 2, len(tokens) - size))
    last = first + size - 1
    head = ellipsis if first > 0 else ""
    tail = ellipsis if last < len(tokens) - 1 else ""
    return head + text[tokens[first].start : tokens[last].end] + tail


def _level(emphasis: Emphasis, query: Sequence[Word]) -> str:
    if not emphasis.matched:
        return "none"
    return "full" if len(emphasis.matched) == len({word.text for word in query}) else "partial"


def _tags(params: Mapping[str, Any]) -> tuple[str, str]:
    return str(params.get("highlightPreTag", "<em>")), str(params.get("highlightPostTag", "</em>"))
