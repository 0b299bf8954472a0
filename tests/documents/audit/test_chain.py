"""The chain: whatever is altered, removed or cut off is found; what was erased on purpose is not."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from docstore.context import acting_as
from docstore.documents import Document, utc_now
from docstore.documents.audit import AuditEntry, AuditSeal, prune_audit, seal_audit, sealing, verify_chain
from docstore.errors import NotFound

KEY = b"only the auditor has it"


class Deed(Document):
    title: str = ""
    number: int = 0


@pytest_asyncio.fixture(autouse=True)
async def deeds(bind_models: Callable[..., Awaitable[Any]]) -> list[Deed]:
    """Two documents with four entries each."""
    await bind_models(Deed, AuditEntry, AuditSeal)
    made = [await Deed(title="a").insert(), await Deed(title="b").insert()]
    with acting_as("user:1", request_id="r"):
        for deed in made:
            await deed.set({Deed.number: 1})
            await deed.delete()
            await deed.restore()
    return made


def raw() -> Any:
    return AuditEntry.get_pymongo_collection().raw


async def kinds(**options: Any) -> set[str]:
    return {problem.kind for problem in (await verify_chain(**options)).problems}


async def entry_of(deed: Deed, seq: int) -> dict[str, Any]:
    found = await raw().find_one({"documentId": deed.id, "seq": seq})
    assert found is not None
    return dict(found)


async def test_a_whole_log_has_no_problems() -> None:
    report = await verify_chain()
    assert (report.ok, report.entries, report.documents, report.seals, report.unsealed) == (True, 8, 2, 0, 8)
    [seal] = await seal_audit()
    await Deed(title="c").insert()
    report = await verify_chain()
    assert (report.ok, report.seals, report.unsealed, report.anchor) == (True, 1, 1, seal.anchor)
    assert await seal_audit() != []
    assert await seal_audit() == []
    assert (await verify_chain(anchors=[seal.anchor])).ok


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "user:2"},
        {"at": datetime(2020, 1, 1)},
        {"requestId": None},
        {"operation": "insert"},
        {"collection": "Other"},
        {"documentId": "x"},
        {"seq": 7},
        {"reason": "y"},
        {"touched": []},
        {"previous": "0"},
        {"hash": "0"},
        {"commitment": "0"},
        {"salt": b"0"},
        {"diff": []},
        {"diff.0.before": 5},
        {"diff.0.after": 5},
        {"diff.0.path": "title"},
    ],
    ids=str,
)
@pytest.mark.parametrize("sealed", [True, False])
async def test_an_altered_entry_is_found(deeds: list[Deed], change: dict[str, Any], sealed: bool) -> None:
    if sealed:
        await seal_audit()
    entry = await entry_of(deeds[0], 1)
    await raw().update_one({"_id": entry["_id"]}, {"$set": change})
    problems = (await verify_chain()).problems
    assert "altered" in {each.kind for each in problems}
    assert any(each.where == entry["_id"] for each in problems)


@pytest.mark.parametrize("seq", [0, 1, 2, 3])
async def test_a_removed_entry_is_found_once_it_is_sealed(deeds: list[Deed], seq: int) -> None:
    await seal_audit()
    await raw().delete_one({"documentId": deeds[0].id, "seq": seq})
    assert "missing" in await kinds()


@pytest.mark.parametrize("seq", [0, 1, 2])
async def test_before_it_is_sealed_only_a_missing_last_entry_goes_unseen(deeds: list[Deed], seq: int) -> None:
    await raw().delete_one({"documentId": deeds[0].id, "seq": seq})
    assert await kinds() == {"missing"}


async def test_all_entries_of_a_document_removed_are_found(deeds: list[Deed]) -> None:
    await seal_audit()
    await raw().delete_many({"documentId": deeds[0].id})
    assert "missing" in await kinds()


async def test_a_chain_made_anew_over_altered_values_is_found(deeds: list[Deed]) -> None:
    from docstore.documents.audit.chain import commitment, entry_hash

    await seal_audit()
    previous = ""
    for seq in range(4):
        entry = await entry_of(deeds[0], seq)
        entry["actor"] = "somebody else"
        entry["previous"] = previous
        entry["commitment"] = commitment(entry["diff"], entry["salt"])
        entry["hash"] = previous = entry_hash(entry)
        await raw().replace_one({"_id": entry["_id"]}, entry)
    assert {each.where for each in (await verify_chain()).problems} == {"seal 1"}


async def test_values_that_vanish_without_a_purge_are_found(deeds: list[Deed]) -> None:
    entry = await entry_of(deeds[0], 1)
    await raw().update_one({"_id": entry["_id"]}, {"$set": {"diff": [], "erased": True}, "$unset": {"salt": ""}})
    assert await kinds() == {"erased"}


async def test_a_purge_leaves_the_chain_whole(deeds: list[Deed]) -> None:
    await seal_audit()
    await deeds[0].purge(reason="erasure request 1234")
    assert (await verify_chain()).ok
    await Deed(id=deeds[0].id, title="again").insert()
    assert [each.seq for each in await AuditEntry.of(deeds[0]).to_list()] == [0, 1, 2, 3, 4, 5]
    assert (await verify_chain()).ok
    await raw().delete_one({"documentId": deeds[0].id, "operation": "purge"})
    assert {"missing", "erased"} <= await kinds()


async def test_seals_are_bound_to_each_other() -> None:
    await seal_audit()
    await Deed(title="c").insert()
    await seal_audit()
    await Deed(title="d").insert()
    [last] = await seal_audit()
    seals = AuditSeal.get_pymongo_collection().raw
    before = await seals.find({}).to_list()
    for wrong in ({"entries": 5}, {"digest": "0"}, {"at": datetime(2020, 1, 1)}, {"previous": "0"}, {"hash": "0"}):
        await seals.update_one({"_id": 2}, {"$set": wrong})
        assert "seal" in await kinds()
        await seals.replace_one({"_id": 2}, before[1])
    await seals.delete_one({"_id": 2})
    assert "seal" in await kinds()
    await seals.insert_one(before[1])
    assert (await verify_chain()).ok
    await seals.delete_one({"_id": 3})
    assert "seal" in await kinds()
    await raw().update_many({"seal": 3}, {"$set": {"seal": None}})
    assert (await verify_chain()).ok, "a log cut off with its seals looks whole from inside"
    assert await kinds(anchors=[last.anchor]) == {"seal"}, "and is found by an anchor kept elsewhere"


async def test_with_a_key_nobody_else_can_seal() -> None:
    await seal_audit(key=KEY)
    assert (await verify_chain(key=KEY)).ok
    assert await kinds() == {"seal"}
    assert await kinds(key=b"another") == {"seal"}


async def test_seals_cover_a_bounded_number_of_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    seals = await seal_audit()
    assert [seal.entries for seal in seals] == [3, 3, 2]
    assert [seal.number for seal in seals] == [1, 2, 3]
    assert (await verify_chain()).ok


async def test_two_who_seal_at_once_seal_everything_once() -> None:
    made = await asyncio.gather(*(seal_audit() for _ in range(4)))
    assert sum(seal.entries for seals in made for seal in seals) == 8
    assert (await verify_chain()).ok


async def test_retention_keeps_the_last_entry_of_each_document(
    deeds: list[Deed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    assert await prune_audit(utc_now() + timedelta(days=1)) == 0
    await seal_audit()
    await asyncio.sleep(0.01)
    cut = utc_now()
    await asyncio.sleep(0.01)
    await deeds[0].set({Deed.number: 2})
    assert await prune_audit(cut - timedelta(days=1)) == 0
    assert await prune_audit(cut) == 6
    assert (await verify_chain()).ok
    assert [each.seq for each in await AuditEntry.of(deeds[0]).to_list()] == [3, 4]
    assert [each.seq for each in await AuditEntry.of(deeds[1]).to_list()] == [3]
    await seal_audit()
    assert await prune_audit(utc_now() + timedelta(days=1)) == 1
    assert (await verify_chain()).ok
    await deeds[0].set({Deed.number: 3})
    await raw().delete_one({"documentId": deeds[0].id, "seq": 4})
    assert "missing" in await kinds()


async def test_writers_of_one_document_make_one_chain(deeds: list[Deed]) -> None:
    async def add() -> None:
        await Deed.find(Deed.id == deeds[0].id).inc({Deed.number: 1})

    await asyncio.gather(*(add() for _ in range(8)))
    history = await deeds[0].history()
    assert [each.seq for each in history] == list(range(12))
    numbers = [each.changes["number"].after for each in history if "number" in each.changes]
    assert numbers[1:] == list(range(1, 10)) or numbers == list(range(10))
    assert (await verify_chain()).ok


async def test_a_part_of_the_log_can_be_verified_alone(deeds: list[Deed]) -> None:
    await seal_audit()
    entry = await entry_of(deeds[1], 0)
    await raw().update_one({"_id": entry["_id"]}, {"$set": {"actor": "x"}})
    assert (await verify_chain(collection="Deed", document_id=deeds[0].id)).ok
    assert not (await verify_chain(collection="Deed")).ok
    with pytest.raises(NotFound, match="no audited collection 'Deeds'") as caught:
        await verify_chain(collection="Deeds")
    assert "Deed" in str(caught.value.hint)
