"""Positions: what is committed is never beyond what is unfinished."""

from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.positions import Positions


def test_nothing_is_committable_before_first_record() -> None:
    assert Positions().committable is None


def test_commit_stops_at_oldest_unfinished_record() -> None:
    positions = Positions()
    positions.hand_out([10, 11, 15])
    positions.finish([11, 15])
    assert positions.committable == 10
    positions.finish([10])
    assert positions.committable == 16
    assert positions.unfinished == 0


@given(st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=60), st.randoms())
def test_commit_never_passes_an_unfinished_record(gaps: list[int], random: object) -> None:
    offsets = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    positions = Positions()
    unfinished: set[int] = set()
    waiting = list(offsets)
    while waiting or unfinished:
        if waiting and (not unfinished or random.random() < 0.5):  # type: ignore[attr-defined]
            positions.hand_out([waiting[0]])
            unfinished.add(waiting.pop(0))
        else:
            done = random.choice(sorted(unfinished))  # type: ignore[attr-defined]
            unfinished.discard(done)
            positions.finish([done])
        committable = positions.committable
        assert committable is not None
        assert all(offset >= committable for offset in unfinished)
    assert positions.committable == offsets[-1] + 1
