"""Indexes as wholes: settings, synonyms, rules, copies, moves, the list of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from docstore.clients._algolia_calls import AlgoliaCalls, in_steps
from docstore.clients._algolia_records import encode_attributes
from docstore.clients.protocols import IndexInfo

_PAGE = 1_000
_LISTED = 100
_SCOPE = ["settings", "synonyms", "rules"]


class AlgoliaConfiguration:
    """The part of `AlgoliaIndex` that is about indexes, not about records."""

    def __init__(self, calls: AlgoliaCalls) -> None:
        self._calls = calls
        self._names = calls.names

    async def get_settings(self, index: str) -> dict[str, JsonValue]:
        """The index's settings, with logical names for its replicas and its primary.

        Raises:
            ServiceError: the index does not exist.
        """
        name = self._names.physical(index)
        held = await self._calls.read(
            f"read the settings of index {name!r}", lambda client: client.get_settings_with_http_info(name)
        )
        return self._names.logical_settings(held)

    async def set_settings(
        self, index: str, settings: Mapping[str, JsonValue], *, forward_to_replicas: bool = False
    ) -> None:
        """Change the given settings and leave the others; names in ``replicas`` are logical too.

        Args:
            index: the logical name.
            settings: setting to value; null puts one back to its default.
            forward_to_replicas: change the replicas' settings as well.
        """
        body = self._names.physical_settings(encode_attributes(settings, index))
        name = self._names.physical(index)
        await self._calls.write(
            name,
            f"change the settings of index {name!r}",
            lambda client: client.set_settings_with_http_info(name, body, forward_to_replicas),
        )

    async def get_synonyms(self, index: str) -> list[dict[str, JsonValue]]:
        """All synonyms, by objectID in order; none when the index does not exist."""
        name = self._names.physical(index)
        return _in_order(
            await in_steps(
                _PAGE,
                lambda page: self._calls.read_or_none(
                    f"read the synonyms of index {name!r}",
                    lambda client: client.search_synonyms_with_http_info(name, {"page": page, "hitsPerPage": _PAGE}),
                ),
            )
        )

    async def set_synonyms(self, index: str, synonyms: Sequence[Mapping[str, JsonValue]]) -> None:
        """Have these synonyms and no others; replicas get them too."""
        name, bodies = self._names.physical(index), [dict(each) for each in synonyms]
        what = f"change the synonyms of index {name!r}"
        if not bodies:
            await self._calls.write(name, what, lambda client: client.clear_synonyms_with_http_info(name, True))
            return
        await self._calls.write(
            name, what, lambda client: client.save_synonyms_with_http_info(name, bodies, True, True)
        )

    async def get_rules(self, index: str) -> list[dict[str, JsonValue]]:
        """All rules, by objectID in order; none when the index does not exist."""
        name = self._names.physical(index)
        return _in_order(
            await in_steps(
                _PAGE,
                lambda page: self._calls.read_or_none(
                    f"read the rules of index {name!r}",
                    lambda client: client.search_rules_with_http_info(name, {"page": page, "hitsPerPage": _PAGE}),
                ),
            )
        )

    async def set_rules(self, index: str, rules: Sequence[Mapping[str, JsonValue]]) -> None:
        """Have these rules and no others; replicas get them too."""
        name, bodies = self._names.physical(index), [dict(each) for each in rules]
        what = f"change the rules of index {name!r}"
        if not bodies:
            await self._calls.write(name, what, lambda client: client.clear_rules_with_http_info(name, True))
            return
        await self._calls.write(name, what, lambda client: client.save_rules_with_http_info(name, bodies, True, True))

    async def copy_configuration(self, source: str, destination: str) -> None:
        """Give an index, made where it is not there, the settings, synonyms and rules of another, but no replicas."""
        origin, target = self._names.physical(source), self._names.physical(destination)
        body = {"operation": "copy", "destination": target, "scope": _SCOPE}
        # The task is the destination's: it is asked for there.
        await self._calls.write(
            target,
            f"copy the settings of index {origin!r} to {target!r}",
            lambda client: client.operation_index_with_http_info(origin, body),
        )

    async def move(self, source: str, destination: str) -> None:
        """Put an index in the place of another, whose replicas follow; nothing happens when there is no source."""
        origin, target = self._names.physical(source), self._names.physical(destination)
        body = {"operation": "move", "destination": target}
        # The task is the source's.
        await self._calls.write(
            origin,
            f"move index {origin!r} to {target!r}",
            lambda client: client.operation_index_with_http_info(origin, body),
        )

    async def delete_index(self, index: str) -> None:
        """Remove an index; an absent one is no error."""
        name = self._names.physical(index)
        await self._calls.write(name, f"delete index {name!r}", lambda client: client.delete_index_with_http_info(name))

    async def list_indexes(self) -> list[IndexInfo]:
        """The indexes of this deployment: those that carry its prefix."""
        items: list[dict[str, Any]] = []
        pages, page = 1, 0
        while page < pages:
            answer = await self._calls.read("list the indexes", self._listing(page))
            items += answer["items"]
            pages, page = answer.get("nbPages") or 1, page + 1
        return [self._info(item) for item in items if self._names.is_ours(item["name"])]

    async def exists(self, index: str) -> bool:
        """Whether the index exists."""
        name = self._names.physical(index)
        found = await self._calls.read_or_none(
            f"read the settings of index {name!r}", lambda client: client.get_settings_with_http_info(name)
        )
        return found is not None

    @staticmethod
    def _listing(page: int) -> Any:
        return lambda client: client.list_indices_with_http_info(page, _LISTED)

    def _info(self, item: Mapping[str, Any]) -> IndexInfo:
        primary = item.get("primary")
        return IndexInfo(
            self._names.logical(item["name"]),
            int(item.get("entries") or 0),
            str(item.get("updatedAt") or ""),
            bool(item.get("pendingTask")),
            self._names.logical(str(primary)) if primary else None,
        )


def _in_order(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, JsonValue]]:
    # The marks that a search puts on them are no part of them.
    told = ({name: value for name, value in each.items() if not name.startswith("_")} for each in entries)
    return sorted(told, key=lambda each: str(each["objectID"]))
