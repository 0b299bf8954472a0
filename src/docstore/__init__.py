"""docstore: a MongoDB document layer on Beanie 2 and PyMongo's async driver.

The names below are imported when they are first used, so that ``import docstore`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from docstore._version import __version__

if TYPE_CHECKING:
    from docstore.context import acting_as
    from docstore.documents import Document, OnDelete, Ref, SystemDocument, transaction
    from docstore.settings import DbMethod, Settings
    from docstore.store import Store

__all__ = [
    "DbMethod",
    "Document",
    "OnDelete",
    "Ref",
    "Settings",
    "Store",
    "SystemDocument",
    "__version__",
    "acting_as",
    "transaction",
]

_HOMES = {
    "DbMethod": "docstore.settings",
    "Document": "docstore.documents",
    "OnDelete": "docstore.documents",
    "Ref": "docstore.documents",
    "Settings": "docstore.settings",
    "Store": "docstore.store",
    "SystemDocument": "docstore.documents",
    "acting_as": "docstore.context",
    "transaction": "docstore.documents",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'docstore' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
