"""Epochs: of two writers of a changelog, the one that came later counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.epochs import (
    FENCE_KEY,
    EpochReader,
    LogRecord,
    Superseded,
    decode_epoch,
    encode_epoch,
    foreign_keys,
)


def record(offset: int, key: bytes, epoch: int) -> LogRecord:
    return LogRecord(offset, key, b"%d" % offset, epoch)


def test_record_behind_a_later_fence_is_ignored() -> None:
    reader = EpochReader()
    assert reader.accept(record(0, b"a", 1))
    assert not reader.accept(record(1, FENCE_KEY, 2))
    assert not reader.accept(record(2, b"a", 1))
    assert reader.touched == {b"a"}


def test_key_written_again_by_its_owner_is_mended() -> None:
    reader = EpochReader(epoch=2)
    reader.accept(record(0, b"a", 1))
    reader.accept(record(1, b"a", 2))
    assert reader.touched == set()


def test_gap_of_a_zombie_names_its_keys() -> None:
    gap = [record(5, b"a", 1), record(6, FENCE_KEY, 1), record(7, b"b", 2)]
    assert foreign_keys(gap, epoch=3) == {b"a", b"b"}


def test_gap_of_a_newer_owner_ends_the_zombie() -> None:
    with pytest.raises(Superseded):
        foreign_keys([record(5, FENCE_KEY, 4)], epoch=3)


def test_epoch_survives_the_header() -> None:
    assert decode_epoch([("other", b"x"), encode_epoch(12)]) == 12
    assert decode_epoch(None) == 0


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 4), st.booleans()), max_size=40))
def test_state_is_what_the_latest_owner_wrote(log: list[tuple[bytes, int, bool]]) -> None:
    records = [record(i, FENCE_KEY if fence else key, epoch) for i, (key, epoch, fence) in enumerate(log)]
    reader, state = EpochReader(), {}
    for each in records:
        if reader.accept(each):
            state[each.key] = each.value
    highest, expected = 0, {}
    for each in records:
        if each.epoch >= highest:
            highest = each.epoch
            if each.key != FENCE_KEY:
                expected[each.key] = each.value
    assert state == expected
