"""Keeping a message as a dead letter, once however often it comes."""

from __future__ import annotations

from docstore.documents import emit, run_in_transaction
from docstore.workers.dead_letters.letters import DeadLetter, DeadLettered, DeadLetterOutcome
from docstore.workers.messages import Message


async def keep_dead_letter(consumer: str, message: Message, error: str) -> bool:
    """Keep a message, and tell of it on ``dead.<consumer>``; whether a person has to look at it anew.

    One that waits already is not kept twice, and one that was passed over is not brought up again. One that was handled
    meanwhile, and has come and failed again, waits once more.

    Args:
        consumer: the group that gave it up.
        message: what it could not handle.
        error: why, in words.
    """
    letter = DeadLetter.of(consumer, message, error)

    async def keep() -> bool:
        known = await DeadLetter.get(letter.id)
        if known is None:
            await letter.insert()
        elif known.outcome is DeadLetterOutcome.HANDLED:
            again = {"outcome": None, "settledAt": None, "error": error}
            await DeadLetter.get_pymongo_collection().update_one({"_id": letter.id}, {"$set": again})
        else:
            return False
        await emit(DeadLettered.of(letter))
        return True

    kept: bool = await run_in_transaction(keep)
    return kept
