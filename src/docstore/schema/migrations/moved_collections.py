"""Collections that get another name, and what has to go with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson import json_util

from docstore.schema.migrations.steps import StepRunner


@dataclass(frozen=True)
class MovedRules:
    """The validator of a collection that gets another name: not every server takes it along."""

    steps: StepRunner
    old: str
    new: str

    async def noted(self) -> Mapping[str, Any]:
        """Its rules, as text: their names begin with dollars."""
        options = await options_of(self.steps, self.old)
        rules = {
            name: options[name] for name in ("validator", "validationLevel", "validationAction") if name in options
        }
        return {"rules": json_util.dumps(rules)} if rules.get("validator") else {}

    async def completed(self, notes: Mapping[str, Any]) -> None:
        """Give them to the collection under its new name, unless it has some."""
        names = await self.steps.database.list_collection_names(filter={"name": self.new})
        if "rules" in notes and names and not (await options_of(self.steps, self.new)).get("validator"):
            await self.steps.database.command("collMod", self.new, **json_util.loads(notes["rules"]))


async def options_of(steps: StepRunner, name: str) -> dict[str, Any]:
    """The options of a collection; none where there is no such one."""
    there = steps.stored(name).name
    found = await (await steps.database.list_collections(filter={"name": there})).to_list()
    return dict(found[0].get("options", {})) if found else {}


def aside_name(migration: str, collection: str) -> str:
    """What a collection that a migration put aside is called."""
    return f"_dropped_{migration.partition('_')[0]}_{collection}"
