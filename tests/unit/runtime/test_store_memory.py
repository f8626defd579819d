"""What stores keep in memory is bounded for all of a process together."""

import time
from pathlib import Path

from streams.runtime import rocksdb
from streams.runtime.rocksdb import MEBIBYTE
from streams.runtime.store import Store
from tests.support.waiting import PATIENCE_S

STORES = 12
SLACK_BYTES = 8 * MEBIBYTE  # the bound is looked at with each write, and other stores of this process are idle


def test_rows_that_are_in_no_file_yet_are_bounded_for_all_stores_together(tmp_path: Path) -> None:
    stores = [Store(tmp_path / str(number)) for number in range(STORES)]
    row = bytes(20_000)
    for count in range(300):  # 6 MB each, and 72 in all: none reaches a bound of its own
        for each in stores:
            each.apply({b"%d" % count: row}, count, 1)
    by = time.monotonic() + PATIENCE_S
    bound = rocksdb._WRITTEN.get_buffer_size() + SLACK_BYTES
    assert bound < 30 * MEBIBYTE
    while rocksdb._WRITTEN.get_usage() > bound:  # files are written beside
        assert time.monotonic() < by, f"{rocksdb._WRITTEN.get_usage()} bytes are in no file"
        time.sleep(0.01)
    assert [len(list(each.rows())) for each in stores] == [300] * STORES
    for each in stores:
        each.close()
