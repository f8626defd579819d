"""No room on the disk of the local copy: a clear error, nothing taken for damaged, no page without room behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.runtime.in_flight import InFlight
from streams.runtime.processor import Row
from streams.runtime.store import DamagedStoreError, Store, StoreError, encode_row
from streams.runtime.suspects import Suspects
from tests.support.disks import room

ROOM_BYTES = 256 * 1024


@pytest.mark.parametrize("make", [Suspects, InFlight])
def test_a_page_without_room_is_refused_before_it_is_written(
    make: Callable[[Path], Suspects | InFlight], tmp_path: Path
) -> None:
    with room(1_000), pytest.raises(StoreError, match=r"notes.*Make room"):
        make(tmp_path / "notes")
    make(tmp_path / "notes").close()


def test_a_store_without_room_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.apply({b"before": encode_row(Row(b"v"))}, 1, 1)
    with room(ROOM_BYTES), pytest.raises(StoreError, match="Make room") as raised:
        for number in range(1_000):
            store.apply({b"%d" % number: encode_row(Row(b"x" * 1_000))}, number + 2, 1)
    assert not isinstance(raised.value, DamagedStoreError)
    store.close()
    again = Store(tmp_path / "store")
    rows, position = dict(again.rows()), again.position
    assert position is not None and rows == {
        b"before": Row(b"v"),
        **{b"%d" % number: Row(b"x" * 1_000) for number in range(position.next_offset - 1)},
    }
    again.close()
