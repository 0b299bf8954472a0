"""What the files of a dump are called: mongodump's rules, which mongorestore reads by."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote

GZIP_SUFFIX: Final = ".gz"
AGE_SUFFIX: Final = ".age"
PRELUDE: Final = "prelude.json"
MANIFEST: Final = "docstore-manifest.json"
"""In the dump's root, where mongorestore passes by files that it does not know."""
UNFINISHED_MARK: Final = "docstore-unfinished.json"
BUCKETS_PREFIX: Final = "system.buckets."

_LONGEST: Final = 238
_KEPT_OF_LONG: Final = 208
# What Go's url.PathEscape leaves alone besides letters, digits and "-_.~".
_SAFE: Final = "$&+=:@"


class Kind(StrEnum):
    """What a file of a dump holds."""

    DATA = ".bson"
    METADATA = ".metadata.json"


@dataclass(frozen=True, slots=True)
class DumpName:
    """A file's name taken apart: the collection's escaped name, what the file holds, and how it is wrapped."""

    stem: str
    kind: Kind
    gzip: bool
    sealed: bool

    @property
    def collection(self) -> str | None:
        """The collection; None when its name was too long, and stands in the metadata alone."""
        if len(self.stem) == _LONGEST and "%24" in self.stem:
            return None
        return unquote(self.stem)


def file_stem(collection: str) -> str:
    """A collection's name as part of a file name; what is longer than 238 bytes is cut and told apart by a hash."""
    escaped = quote(collection, safe=_SAFE)
    if len(escaped) <= _LONGEST:
        return escaped
    digest = hashlib.sha1(collection.encode(), usedforsecurity=False).digest()
    return f"{escaped[:_KEPT_OF_LONG]}%24{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def file_name(collection: str, kind: Kind, *, gzip: bool, sealed: bool = False) -> str:
    """The file that holds a collection's data or metadata."""
    return f"{file_stem(collection)}{kind}{GZIP_SUFFIX if gzip else ''}{AGE_SUFFIX if sealed else ''}"


def taken_apart(name: str) -> DumpName | None:
    """What a file of a database's folder is by its name; None for one that is no part of a dump."""
    plain, sealed = _without(name, AGE_SUFFIX)
    plain, gzip = _without(plain, GZIP_SUFFIX)
    for kind in (Kind.METADATA, Kind.DATA):
        stem, is_it = _without(plain, kind)
        if is_it and stem:
            return DumpName(stem, kind, gzip, sealed)
    return None


def is_dumped(collection: str) -> bool:
    """Whether a collection belongs into a dump of its database: system collections do not, but ``system.js``."""
    if collection == "system.js":
        return True
    return not collection.startswith("system.") and "$" not in collection


def _without(text: str, suffix: str) -> tuple[str, bool]:
    return text.removesuffix(suffix), text.endswith(suffix)
