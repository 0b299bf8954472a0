"""What a field's schema asks for that it did not ask for before: documents that were fine may break it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docstore.schema.checking.rules import as_number, rule_told
from docstore.schema.normal import canonical

Schema = Mapping[str, Any]

_LOWER = ("minimum", "minLength", "minItems")
_UPPER = ("maximum", "maxLength", "maxItems")


def tightened(old: Schema, new: Schema) -> tuple[str, ...]:
    """The rules of the new schema that a value of the old one may break, in words; types and nested fields aside."""
    if "anyOf" in old or "anyOf" in new:
        return ()
    found = [rule_told(name, new) for name in (*_LOWER, *_UPPER) if name in new and _narrower(name, old, new)]
    if "multipleOf" in new and _other_multiple(old, new):
        found.append(rule_told("multipleOf", new))
    if "pattern" in new and old.get("pattern") != new["pattern"]:
        found.append(rule_told("pattern", new))
    if "enum" in new and "enum" not in old:
        found.append(f"one of {', '.join(str(each) for each in new['enum'] if each is not None)}")
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        found.append("no other fields")
    return tuple(found)


def _narrower(name: str, old: Schema, new: Schema) -> bool:
    if name not in old:
        return True
    before, after = as_number(old[name]), as_number(new[name])
    if canonical(old[name]) == canonical(new[name]):
        exclusive = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}.get(name, "")
        return bool(new.get(exclusive)) and not old.get(exclusive)
    return bool(after > before if name in _LOWER else after < before)


def _other_multiple(old: Schema, new: Schema) -> bool:
    return "multipleOf" not in old or bool(as_number(old["multipleOf"]) % as_number(new["multipleOf"]))
