"""Rules of an index: a condition on the query, and what it changes about the search.

Applied are conditions by `pattern` with `anchoring` and by `context`, and the consequences `params.query`
(replacing or removing words), `params.filters` and the other plain parameters, `promote`, `hide` and
`userData`. Conditions on filters, facet patterns such as ``{facet:brand}``, automatic facet filters and
validity windows are stored and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from docstore.embedded.algolia.errors import bad_request
from docstore.embedded.algolia.text import words

_NOT_PLAIN = (
    "query",
    "automaticFacetFilters",
    "automaticOptionalFacetFilters",
    "renderingContent",
    "filters",
)


@dataclass
class Applied:
    """A search as the rules left it."""

    params: dict[str, Any]
    promoted: dict[str, int] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    rule_ids: list[str] = field(default_factory=list)
    user_data: list[Any] = field(default_factory=list)


def check_rule(rule: Any) -> dict[str, Any]:
    """The rule itself, when it is one.

    Raises:
        ApiError: 400, objectID or consequence is missing, or a condition is malformed.
    """
    if not isinstance(rule, dict) or not rule.get("objectID"):
        raise bad_request("A rule needs an objectID")
    if not isinstance(rule.get("consequence"), dict):
        raise bad_request(f"Rule {rule['objectID']} needs a consequence")
    for condition in _conditions(rule):
        if ("pattern" in condition) != ("anchoring" in condition):
            raise bad_request(f"Rule {rule['objectID']}: pattern and anchoring go together")
    return rule


def apply_rules(rules: Iterable[Mapping[str, Any]], params: dict[str, Any]) -> Applied:
    """The search after every rule that fires; rules see the query as it came, in the order of their ids."""
    applied = Applied(dict(params))
    if params.get("enableRules") is False:
        return applied
    query = words(str(params.get("query") or ""))
    contexts = params.get("ruleContexts") or ()
    for rule in sorted(rules, key=lambda r: str(r["objectID"])):
        if rule.get("enabled", True) is False:
            continue
        conditions = _conditions(rule)
        if conditions and not any(_fires(condition, query, contexts) for condition in conditions):
            continue
        _apply(rule["consequence"], applied)
        applied.rule_ids.append(str(rule["objectID"]))
    return applied


def _conditions(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = rule.get("conditions")
    if listed is None:
        listed = [rule["condition"]] if rule.get("condition") else []
    return [condition for condition in listed if isinstance(condition, dict)]


def _fires(condition: Mapping[str, Any], query: list[str], contexts: Iterable[Any]) -> bool:
    if condition.get("filters"):
        return False
    context = condition.get("context")
    if context is not None and context not in contexts:
        return False
    if "pattern" not in condition:
        return context is not None
    text = str(condition["pattern"])
    if "{" in text:
        return False
    pattern = words(text)
    size = len(pattern)
    match condition.get("anchoring"):
        case "is":
            return query == pattern
        case "startsWith":
            return query[:size] == pattern
        case "endsWith":
            return query[len(query) - size :] == pattern
        case "contains":
            return any(query[at : at + size] == pattern for at in range(len(query) - size + 1))
        case _:
            return False


def _apply(consequence: Mapping[str, Any], applied: Applied) -> None:
    params = consequence.get("params") or {}
    if "query" in params:
        applied.params["query"] = _rewritten(str(applied.params.get("query") or ""), params["query"])
    if params.get("filters"):
        given = applied.params.get("filters")
        applied.params["filters"] = f"({given}) AND ({params['filters']})" if given else params["filters"]
    applied.params.update({k: v for k, v in params.items() if k not in _NOT_PLAIN})
    for promotion in consequence.get("promote") or ():
        ids = promotion.get("objectIDs") or [promotion.get("objectID")]
        for offset, object_id in enumerate(ids):
            applied.promoted[str(object_id)] = int(promotion.get("position", 0)) + offset
    applied.hidden.update(str(hidden["objectID"]) for hidden in consequence.get("hide") or ())
    if "userData" in consequence:
        applied.user_data.append(consequence["userData"])


def _rewritten(query: str, change: Any) -> str:
    if isinstance(change, str):
        return change
    parts = words(query)
    edits = [{"type": "remove", "delete": word} for word in change.get("remove") or ()]
    for edit in [*edits, *(change.get("edits") or ())]:
        gone = words(str(edit.get("delete", "")))
        new = words(str(edit.get("insert", ""))) if edit.get("type") == "replace" else []
        for at in range(len(parts) - len(gone), -1, -1):
            if gone and parts[at : at + len(gone)] == gone:
                parts[at : at + len(gone)] = new
    return " ".join(parts)
