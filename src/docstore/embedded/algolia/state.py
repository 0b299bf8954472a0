"""Keeping the indexes in a file: read at the start, written some time after a change and at the end."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from docstore.embedded.algolia.catalog import Catalog
from docstore.embedded.algolia.index import Index
from docstore.errors import EmbeddedServerError

_FORMAT = 1
_KEPT = ("settings", "synonyms", "rules", "created_at", "updated_at", "virtual")


class StateFile:
    """A file that follows a catalog.

    Args:
        path: where to keep it; its folder is made.
        catalog: what to keep.
        delay: seconds a change may wait for others before it is written.
    """

    def __init__(self, path: Path, catalog: Catalog, delay: float = 0.2) -> None:
        self._path = path
        self._catalog = catalog
        self._delay = delay
        self._dirty = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load what the file holds and follow the catalog from now on.

        Raises:
            EmbeddedServerError: the file is there and cannot be read.
        """
        text = await asyncio.to_thread(self._read)
        if text is not None:
            self._load(text)
        self._catalog.on_change = self._dirty.set
        self._writer = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Write what is not written yet."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        if self._dirty.is_set():
            await self._write()

    async def _follow(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(self._delay)
            # A cancelled write would leave the event cleared and the change unwritten.
            await asyncio.shield(self._write())

    async def _write(self) -> None:
        self._dirty.clear()
        # Built on the event loop, where nothing changes meanwhile; only the disk is waited for in a thread.
        text = json.dumps(_dump(self._catalog), ensure_ascii=False, separators=(",", ":"))
        await asyncio.to_thread(self._replace, text)

    def _read(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable() from error

    def _replace(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _load(self, text: str) -> None:
        try:
            content = json.loads(text)
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']}")
            _restore(self._catalog, content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unreadable() from error

    def _unreadable(self) -> EmbeddedServerError:
        return EmbeddedServerError(
            f"The search server's state file {self._path} cannot be read.",
            hint="Restore it from a copy, or move it away to start with empty indexes.",
        )


def _dump(catalog: Catalog) -> dict[str, Any]:
    indexes = {
        name: {
            **{member: getattr(index, member) for member in _KEPT},
            "primary": index.parent.name if index.parent else None,
            "records": list(index.own_records.values()),
        }
        for name, index in catalog.indexes.items()
    }
    return {"format": _FORMAT, "lastTask": catalog.tasks.last, "indexes": indexes}


def _restore(catalog: Catalog, content: dict[str, Any]) -> None:
    catalog.tasks.last = int(content["lastTask"])
    for name, kept in content["indexes"].items():
        records = {record["objectID"]: record for record in kept["records"]}
        catalog.indexes[name] = Index(name, records, **{member: kept[member] for member in _KEPT})
    for name, kept in content["indexes"].items():
        if kept["primary"] is not None:
            catalog.indexes[name].parent = catalog.indexes[kept["primary"]]
