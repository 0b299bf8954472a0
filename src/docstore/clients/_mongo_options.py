"""What both MongoDB drivers are told: limits from the settings, and what docstore insists on."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from docstore.settings import Settings


def connection_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of the driver's client.

    An option in the connection string wins over the setting of the same meaning. Write concern, UUID form and
    time zone are not negotiable: acknowledged means on disk on a majority, which the outbox builds on.
    """
    limits = {
        "maxPoolSize": settings.mongo_max_pool_size,
        "minPoolSize": settings.mongo_min_pool_size,
        "serverSelectionTimeoutMS": settings.mongo_server_selection_timeout_ms,
        "connectTimeoutMS": settings.mongo_connect_timeout_ms,
        "socketTimeoutMS": settings.mongo_socket_timeout_ms,
        "waitQueueTimeoutMS": settings.mongo_wait_queue_timeout_ms,
        "readPreference": settings.mongo_read_preference,
        "retryReads": settings.mongo_retry_reads,
        "retryWrites": settings.mongo_retry_writes,
        "appname": settings.app_name,
    }
    query = urlsplit(settings.mongo_uri.get_secret_value()).query.replace(";", "&")
    in_url = {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}
    return {
        **{name: value for name, value in limits.items() if name.lower() not in in_url},
        "w": "majority",
        "journal": True,
        "uuidRepresentation": "standard",
        "tz_aware": True,
        "tzinfo": UTC,
    }


def identity(settings: Settings) -> Hashable:
    """What two settings must have in common to share a client."""
    observed = (settings.query_log_sample_rate, settings.query_log_slow_ms) if settings.query_log else None
    return settings.mongo_uri, observed, tuple(sorted((k, repr(v)) for k, v in connection_options(settings).items()))


def masked_hosts(settings: Settings) -> str:
    """The hosts of the connection string, without user and password."""
    return urlsplit(settings.mongo_uri.get_secret_value()).netloc.rpartition("@")[2]
