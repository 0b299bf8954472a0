"""Where the servers are, as URLs, and as the settings that lead clients to them."""

from __future__ import annotations

from collections.abc import Mapping

ALGOLIA_APP_ID = "docstore-local"
ALGOLIA_WRITE_KEY = "local-write-key"
ALGOLIA_SEARCH_KEY = "local-search-key"


def settings_for(urls: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of `Settings` (for `Settings.with_urls`) that lead to servers at `urls`.

    `urls` maps a service's name (`mongodb`, `redis`, `kafka`, `algolia`) to its URL, as
    `EmbeddedServers.urls` and `running_servers` give them; services that are absent set nothing.
    """
    fields: dict[str, str] = {}
    if "mongodb" in urls:
        fields["database_url_local"] = urls["mongodb"]
    if "redis" in urls:
        fields["redis_url"] = urls["redis"]
    if "kafka" in urls:
        fields["kafka_service_uri"] = urls["kafka"]
    if "algolia" in urls:
        fields["algolia_hosts"] = urls["algolia"]
        fields["algolia_app_id"] = ALGOLIA_APP_ID
        fields["algolia_write_api_key"] = ALGOLIA_WRITE_KEY
        fields["algolia_search_api_key"] = ALGOLIA_SEARCH_KEY
    return fields
