"""Due index: what has fallen due is offered, and only that."""

from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.due import HORIZON_MS, RETRY_MS, DueIndex


def index(*dues: tuple[bytes, int]) -> DueIndex:
    made = DueIndex()
    made.refill(0, dues)
    return made


def test_only_rows_whose_time_has_come_are_offered() -> None:
    due = index((b"a", 100), (b"b", 200))
    assert due.take(150, 10) == [b"a"]


def test_row_that_stays_due_is_offered_again() -> None:
    due = index((b"a", 100))
    assert due.take(100, 10) == [b"a"]
    assert due.take(100 + RETRY_MS - 1, 10) == []
    assert due.take(100 + RETRY_MS, 10) == [b"a"]


def test_row_beyond_the_horizon_costs_nothing() -> None:
    due = index((b"a", HORIZON_MS + 1))
    assert due.next_ms() == HORIZON_MS
    assert due.take(HORIZON_MS, 10) == []


def test_deleted_row_is_not_offered() -> None:
    due = index((b"a", 100))
    due.note(b"a", 0)
    assert due.take(1_000, 10) == []


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(0, 50)), max_size=80))
def test_offered_keys_match_the_last_due_times(notes: list[tuple[bytes, int]]) -> None:
    due, last = index(), {}
    for key, due_ms in notes:
        due.note(key, due_ms)
        last[key] = due_ms
    assert sorted(due.take(25, 1_000)) == sorted(key for key, due_ms in last.items() if 0 < due_ms <= 25)
