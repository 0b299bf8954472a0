"""The session that a migration's commands run on."""

from __future__ import annotations

from typing import Any

from docstore.documents import current_transaction


def current_session() -> Any:
    """The session of the transaction this task is in, or None."""
    transaction = current_transaction()
    return transaction.session if transaction else None
