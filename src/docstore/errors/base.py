"""What every error of docstore is."""

from __future__ import annotations

from typing import ClassVar


class DocstoreError(Exception):
    """Base of every error docstore raises."""

    code: ClassVar[str] = "docstore_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        collection: str | None = None,
        field: str | None = None,
        value_type: str | None = None,
    ) -> None:
        self.message = message
        self.hint = hint
        self.collection = collection
        self.field = field
        self.value_type = value_type
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message
