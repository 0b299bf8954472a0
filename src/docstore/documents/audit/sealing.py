"""Seals over the audit log, so that entries missing at its end are found, and its retention."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from docstore.context import current_actor
from docstore.documents.audit.chain import Digest, entry_id, seal_hash
from docstore.documents.audit.entries import AuditEntry, AuditSeal
from docstore.documents.fields import utc_now
from docstore.documents.transactions import ambient_session, run_in_transaction

BATCH: Final = 1_000
"""Entries under one seal."""


async def seal_audit(*, key: bytes | None = None) -> list[AuditSeal]:
    """Seal every entry that is not sealed yet.

    Run it on a schedule. Entries are found missing from the next seal on: seal as often as you want to be sure. Keep
    the last seal's `anchor` elsewhere, and give it to `verify_chain`.

    Args:
        key: makes the seals such that nobody without the key can make others; the same for ever.

    Returns:
        The seals made; none when there was nothing to seal.
    """
    made: list[AuditSeal] = []
    while seal := await run_in_transaction(lambda: _seal_batch(key)):
        made.append(seal)
    return made


async def prune_audit(before: datetime, *, key: bytes | None = None) -> int:
    """Remove the entries of seals that are older, but for the last sealed entry of each document.

    That entry keeps each document's chain verifiable, and says who changed it last. Unsealed entries stay: seal first.
    The removal is itself recorded among the seals.

    Args:
        before: seals whose entries are all older are pruned.
        key: as for `seal_audit`.

    Returns:
        How many entries were removed.
    """
    seals = AuditSeal.get_pymongo_collection().raw
    old = await seals.find_one({"kind": "seal", "through": {"$lt": before}}, {"_id": 1}, sort=[("_id", -1)])
    newer = await seals.find_one({"kind": "seal", "through": {"$gte": before}}, {"_id": 1}, sort=[("_id", 1)])
    if old is None:
        return 0
    up_to: int = min(old["_id"], newer["_id"] - 1) if newer else old["_id"]
    removed = 0
    last = ""
    while True:
        last, count = await run_in_transaction(lambda after=last: _prune_batch(up_to, after, key))  # type: ignore[misc]
        removed += count
        if not last:
            break
    if removed:
        await run_in_transaction(lambda: _seal_kept(up_to, key))
    return removed


async def _seal_batch(key: bytes | None) -> AuditSeal | None:
    session = ambient_session()
    entries = AuditEntry.get_pymongo_collection().raw
    # Ids sort as chains run, so no entry is sealed before the one it follows.
    cursor = entries.find({"seal": None}, {"hash": 1, "at": 1}, sort=[("_id", 1)], limit=BATCH, session=session)
    rows = [row async for row in cursor]
    if not rows:
        return None
    seal = await _append(
        {
            "kind": "seal",
            "entries": len(rows),
            "digest": Digest(row["hash"] for row in rows).hexdigest(),
            "through": max(row["at"] for row in rows),
            "upTo": 0,
        },
        key,
    )
    # The transaction's snapshot makes these the entries just read.
    covered = {"seal": None, "_id": {"$lte": rows[-1]["_id"]}}
    await entries.update_many(covered, {"$set": {"seal": seal.id}}, session=session)
    return seal


async def _prune_batch(up_to: int, after: str, key: bytes | None) -> tuple[str, int]:
    session = ambient_session()
    entries = AuditEntry.get_pymongo_collection().raw
    wanted = {"_id": {"$gt": after}, "seal": {"$lte": up_to}}
    fields = {"collection": 1, "documentId": 1, "seq": 1}
    rows = [row async for row in entries.find(wanted, fields, sort=[("_id", 1)], limit=BATCH, session=session)]
    doomed = await _followed_by_sealed(rows)
    if doomed:
        await entries.delete_many({"_id": {"$in": doomed}}, session=session)
        await _append({"kind": "prune", "entries": len(doomed), "digest": "", "through": None, "upTo": up_to}, key)
    return (str(rows[-1]["_id"]) if len(rows) == BATCH else ""), len(doomed)


async def _seal_kept(up_to: int, key: bytes | None) -> None:
    count, kept = await digest_of({"seal": {"$lte": up_to}})
    await _append({"kind": "kept", "entries": count, "digest": kept, "through": None, "upTo": up_to}, key)


async def digest_of(wanted: Mapping[str, Any]) -> tuple[int, str]:
    """How many stored entries match, and one hash over all of theirs; in constant memory."""
    entries = AuditEntry.get_pymongo_collection().raw
    cursor = entries.find(dict(wanted), {"hash": 1}, sort=[("_id", 1)], session=ambient_session())
    running, count = Digest(), 0
    async for row in cursor:
        running.add(str(row.get("hash")))
        count += 1
    return count, running.hexdigest()


async def _followed_by_sealed(rows: Sequence[dict[str, Any]]) -> list[str]:
    followers = {entry_id(row["collection"], row["documentId"], row["seq"] + 1): row["_id"] for row in rows}
    entries = AuditEntry.get_pymongo_collection().raw
    wanted = {"_id": {"$in": list(followers)}, "seal": {"$ne": None}}
    return [followers[row["_id"]] async for row in entries.find(wanted, {"_id": 1}, session=ambient_session())]


async def _append(row: dict[str, Any], key: bytes | None) -> AuditSeal:
    """Add a seal to the chain of seals; of two at once one loses on its number, and tries again."""
    session = ambient_session()
    seals = AuditSeal.get_pymongo_collection().raw
    last = await seals.find_one({}, sort=[("_id", -1)], session=session)
    actor = current_actor()
    row = {
        **row,
        "_id": last["_id"] + 1 if last else 1,
        "at": utc_now(),
        "actor": actor.name if actor else None,
        "previous": last["hash"] if last else "",
    }
    row["hash"] = seal_hash(row, key)
    await seals.insert_one(row, session=session)
    seal: AuditSeal = AuditSeal.model_validate(row)
    return seal
