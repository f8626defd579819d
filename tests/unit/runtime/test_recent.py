"""Recent rows: what is known is what was written last, and no more is kept than was allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.processor import Row
from streams.runtime.recent import UNKNOWN, RecentRows

WRITES = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.none() | st.binary(max_size=300).map(Row)))


@given(WRITES)
def test_what_is_known_is_what_was_written_last(writes: list[tuple[bytes, Row | None]]) -> None:
    recent, last = RecentRows(700), dict[bytes, Row | None]()
    for key, row in writes:
        recent.note(key, row)
        last[key] = row
        assert recent.get(key) is row
        assert all(recent.get(each) in (UNKNOWN, last.get(each, UNKNOWN)) for each in (b"a", b"b", b"c", b"d"))


def test_old_rows_are_forgotten_in_time() -> None:
    recent = RecentRows(10_000)
    for number in range(1_000):
        recent.note(b"%d" % number, Row(bytes(100)))
    kept = [number for number in range(1_000) if recent.get(b"%d" % number) is not UNKNOWN]
    assert kept == list(range(kept[0], 1_000)) and 30 < len(kept) < 70
