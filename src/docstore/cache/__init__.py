"""The cache: JSON values under namespaced keys, with expiry, in any `KeyValue`.

Owns the envelope, the keys' form and the usual lifetimes. Does not own when a value becomes stale: workers drop keys
as changes are told.
"""

from docstore.cache.helper import LONG, MEDIUM, SHORT, VERY_LONG, CacheHelper

__all__ = ["LONG", "MEDIUM", "SHORT", "VERY_LONG", "CacheHelper"]
