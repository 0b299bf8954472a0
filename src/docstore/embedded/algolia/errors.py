"""What the server answers when it refuses: a status and Algolia's wording for it."""

from __future__ import annotations


class ApiError(Exception):
    """A refusal that becomes the JSON answer ``{"message": ..., "status": ...}``.

    Args:
        status: the HTTP status code.
        message: what the client is told.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def bad_request(message: str) -> ApiError:
    """A 400: the request itself is wrong, and sending it again will not help."""
    return ApiError(400, message)


def unknown_index(name: str) -> ApiError:
    """A 404 for an index that nothing was ever written to."""
    return ApiError(404, f"Index {name} does not exist")


def unknown_object() -> ApiError:
    """A 404 for a record that is not there."""
    return ApiError(404, "ObjectID does not exist")
