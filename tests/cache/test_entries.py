"""What is stored is read back, and what is not an entry is none."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from docstore.cache.entries import Entry, decode, encode

times = st.floats(0, 4e9).map(lambda value: round(value, 3))
entries = st.builds(Entry, st.binary(max_size=9000), times, times, st.dictionaries(st.text(), st.text(), max_size=4))


@given(entries, st.sampled_from([0, 100, 4096, 10**9]))
def test_an_entry_is_read_back(entry: Entry, compress_over: int) -> None:
    assert decode(encode(entry, compress_over)) == entry


@given(entries, st.data())
def test_a_damaged_entry_is_no_other_kind_of_error(entry: Entry, data: st.DataObject) -> None:
    raw = bytearray(encode(entry, 100))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    found = decode(bytes(raw))
    assert found is None or isinstance(found, Entry)


@given(st.binary())
def test_foreign_bytes_are_no_entry(raw: bytes) -> None:
    found = decode(raw)
    assert found is None or raw.startswith(b"d2") or int(raw) == int(found.payload)


@given(st.integers(-(10**19), 10**19))
def test_a_bare_number_that_a_server_can_count_with_is_a_counter(value: int) -> None:
    counter = Entry(str(value).encode(), 0.0, math.inf)
    assert decode(str(value).encode()) == (counter if -(2**63) <= value < 2**63 else None)


def test_a_time_beyond_all_numbers_is_no_entry() -> None:
    assert decode(b"d2.[1," + b"9" * 400 + b",{}]\n1") is None


def test_long_values_are_compressed() -> None:
    entry = Entry(b"abc" * 10_000, 1.0, 2.0)
    assert len(encode(entry)) < 1000
    assert decode(encode(entry)) == entry
