"""The cache: values in a key-value store that may be away, each loaded once, none served longer than it may be.

Owns the stored form, lifetimes, tags by generation, the single load among processes, the breaker, `@cached` and the
cached documents behind `Model.cached`. Knows a `KeyValue`, no product. Does not know where changes are told: what
invalidates is handed to it.
"""

from docstore.cache.active import active_cache, clear_cache, use_cache
from docstore.cache.core import Cache
from docstore.cache.decorator import cached
from docstore.cache.documents import CachedDocuments, collection_tag, document_tag
from docstore.cache.following import ChangeFollower
from docstore.cache.helper import CacheHelper
from docstore.cache.lifetimes import LONG, MEDIUM, SHORT, VERY_LONG
from docstore.cache.namespaces import NAMESPACES, namespace_of
from docstore.cache.stats import CacheStats

__all__ = [
    "LONG",
    "MEDIUM",
    "NAMESPACES",
    "SHORT",
    "VERY_LONG",
    "Cache",
    "CacheHelper",
    "CacheStats",
    "CachedDocuments",
    "ChangeFollower",
    "active_cache",
    "cached",
    "clear_cache",
    "collection_tag",
    "document_tag",
    "namespace_of",
    "use_cache",
]
