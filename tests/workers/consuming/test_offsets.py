"""Only what lies before the first open message is committed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from docstore.workers.consuming.offsets import PartitionOffsets


@given(st.data())
def test_the_offset_to_commit_is_that_of_the_first_open_message(data: st.DataObject) -> None:
    offsets = sorted(data.draw(st.sets(st.integers(0, 60), min_size=1, max_size=20)))
    held, done = PartitionOffsets(), set[int]()
    for offset in offsets:
        held.begin(offset)
    for offset in data.draw(st.permutations(offsets)):
        held.done(offset)
        done.add(offset)
        still_open = [each for each in offsets if each not in done]
        before = [each for each in offsets if not still_open or each < still_open[0]]
        assert held.to_commit == (before[-1] + 1 if before else None)
        assert len(held) == len(offsets) - len(before)
        if held.to_commit is not None and data.draw(st.booleans()):
            committed = held.to_commit
            held.committed(committed)
            assert held.to_commit is None
            held.committed(-1)  # as if it had not been
    assert held.to_commit == offsets[-1] + 1
