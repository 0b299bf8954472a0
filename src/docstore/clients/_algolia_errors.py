"""Algolia's errors as docstore's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docstore._masking import mask_url
from docstore.errors import OperationTimeout, ServerUnavailable, ServiceError
from docstore.settings import Settings


def address(settings: Settings) -> str:
    """Where requests go, for messages."""
    hosts = settings.algolia_host_urls
    return ", ".join(map(mask_url, hosts)) if hosts else f"https://{settings.algolia_app_id}.algolia.net"


@contextmanager
def translated(settings: Settings, what: str) -> Iterator[None]:
    """Turn what the driver raises inside the block into docstore's errors.

    Args:
        settings: which deployment, for host and setting in the message.
        what: what was tried, such as ``save 3 records to index 'posts'``.

    Raises:
        ServerUnavailable: no host can be reached, or all answer with 5xx, or with 429 after the driver's own retries.
        OperationTimeout: a host took the request and did not answer in time.
        ServiceError: it answered and refused; the message names the index, the hint the setting.
    """
    import aiohttp
    from algoliasearch.http.exceptions import AlgoliaUnreachableHostException, RequestException

    from docstore.clients._algolia_transport import UnansweredRequest

    where = f"Algolia at {address(settings)}"
    try:
        yield
    except RequestException as error:
        if error.status_code == _TOO_MANY:
            raise _throttled(where, what) from error
        raise _refused(settings, where, what, error.status_code, str(error.message)) from error
    except UnansweredRequest as error:
        raise OperationTimeout(
            f"{where} did not answer in time when asked to {what}; a write may have been carried out.",
            hint="Send it again: every write of this adapter may be repeated.",
        ) from error
    except AlgoliaUnreachableHostException as error:
        raise _unavailable(settings, where, what) from error
    except aiohttp.ClientError as error:
        raise _unavailable(settings, where, what) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"{where} answered with something that is no answer of Algolia's when asked to {what}.",
            hint="Check ALGOLIA_HOSTS, and whether a proxy stands between.",
            field="ALGOLIA_HOSTS",
        ) from error


def _refused(settings: Settings, where: str, what: str, status: int, message: str) -> ServiceError:
    return StatusError(
        f"{where} refused to {what} (status {status}): {_without_keys(settings, message)}",
        hint=_HINTS.get(status, "Mend the request: sending it again will not help."),
        field=_FIELDS.get(status),
        status=status,
    )


class StatusError(ServiceError):
    """A refusal that knows its HTTP status, for the adapter's own decisions."""

    def __init__(self, message: str, *, hint: str, field: str | None, status: int) -> None:
        super().__init__(message, hint=hint, field=field)
        self.status = status


_TOO_MANY = 429
_HINTS = {
    400: "Mend the record, the filter or the settings that the message names.",
    401: "Check ALGOLIA_APP_ID and the API keys.",
    403: "Check ALGOLIA_APP_ID, and the keys' rights: ALGOLIA_WRITE_API_KEY needs addObject, deleteObject, "
    "settings, editSettings, browse and search, ALGOLIA_SEARCH_API_KEY needs search.",
    404: "Check the index's name and ALGOLIA_INDEX_PREFIX, and run `docstore search reindex`, which builds it.",
    413: "Send smaller records or batches.",
}
_FIELDS = {401: "ALGOLIA_APP_ID", 403: "ALGOLIA_WRITE_API_KEY", 404: "ALGOLIA_INDEX_PREFIX"}


def _without_keys(settings: Settings, message: str) -> str:
    for key in (settings.algolia_write_api_key, settings.algolia_search_api_key):
        if key is not None and key.get_secret_value():
            message = message.replace(key.get_secret_value(), "***")
    return message


def _throttled(where: str, what: str) -> ServerUnavailable:
    return ServerUnavailable(
        f"{where} takes no more for now (status {_TOO_MANY}) when asked to {what}.",
        hint="It is tried again; if this goes on, send less at a time, or ask Algolia to raise the limit.",
    )


def _unavailable(settings: Settings, where: str, what: str) -> ServerUnavailable:
    setting = "ALGOLIA_HOSTS" if settings.algolia_host_urls else "ALGOLIA_APP_ID"
    return ServerUnavailable(
        f"{where} ({setting}) cannot be reached, or fails, to {what}.",
        hint="Check that it runs (`docstore up` starts a local one), host and port, and the network.",
        field=setting,
    )
