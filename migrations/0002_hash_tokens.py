"""Tokens that older services kept in the clear are kept as hashes, as today's look-ups expect them.

There is no way back from a hash, and the tokens themselves are kept nowhere.
"""

import hashlib
from typing import Any

from docstore.errors import IrreversibleMigration
from docstore.schema.migrations import Migration

description = "hashes in place of tokens in the clear"

TOKENS = {
    "MagicLink": ["token"],
    "Session": ["accessToken", "refreshToken"],
    "VerificationToken": ["value"],
}
HASHED = r"^sha256:[0-9a-f]{64}$"


async def up(m: Migration) -> None:
    for collection, fields in TOKENS.items():
        for field in fields:
            clear = {field: {"$type": "string", "$not": {"$regex": HASHED}}}
            await m.transform(collection, f"hash {field}", _Hashing(field), where=clear, fields=(field,), keep=False)


async def down(m: Migration) -> None:
    clear = [await m.collection(collection).count_documents({}) for collection in TOKENS]
    if any(clear):
        raise IrreversibleMigration(
            "a hash cannot be turned back into its token.",
            hint="Delete the sessions, links and tokens, whose owners log in again; or leave it as it is.",
        )


class _Hashing:
    """Puts a token's hash in its place."""

    def __init__(self, field: str) -> None:
        self.field = field

    def __call__(self, document: dict[str, Any]) -> None:
        token = document.get(self.field)
        if isinstance(token, str) and not (token.startswith("sha256:") and len(token) == 71):
            document[self.field] = "sha256:" + hashlib.sha256(token.encode()).hexdigest()
