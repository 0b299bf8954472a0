"""Index names: the deployment's prefix, put on and taken off."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import JsonValue

_VIRTUAL = "virtual("


class IndexNames:
    """Logical names such as ``posts`` to physical ones such as ``staging_posts``, and back."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def physical(self, index: str) -> str:
        """The name that Algolia knows."""
        return f"{self._prefix}{index}"

    def logical(self, index: str) -> str:
        """The name without the prefix; one that does not carry it stays as it is."""
        return index.removeprefix(self._prefix)

    def is_ours(self, name: str) -> bool:
        """Whether a physical name carries the prefix."""
        return name.startswith(self._prefix)

    def physical_settings(self, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Settings whose ``replicas`` are logical, as Algolia takes them, without ``primary``."""
        out = {name: value for name, value in settings.items() if name != "primary"}
        replicas = out.get("replicas")
        if isinstance(replicas, list):
            out["replicas"] = [self._inside(str(name), self.physical) for name in replicas]
        return out

    def logical_settings(self, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Settings as Algolia answers them, with logical names."""
        out = dict(settings)
        replicas = out.get("replicas")
        if isinstance(replicas, list):
            out["replicas"] = [self._inside(str(name), self.logical) for name in replicas]
        if isinstance(out.get("primary"), str):
            out["primary"] = self.logical(str(out["primary"]))
        return out

    @staticmethod
    def _inside(declared: str, change: Callable[[str], str]) -> str:
        if declared.startswith(_VIRTUAL) and declared.endswith(")"):
            return f"{_VIRTUAL}{change(declared[len(_VIRTUAL) : -1])})"
        return change(declared)
