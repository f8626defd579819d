"""Shortened inputs: a log that ends before what was read of it is told, and nothing new on it is taken for old."""

from pathlib import Path

import pytest

from streams.processors.orchestrate.processor import Orchestrate, encode_row, row_offset
from streams.runtime import metrics
from streams.runtime.processor import Row
from streams.runtime.reader import Partition
from streams.runtime.shortened import ShortenedError, check_running, last_read, mend_rows, true_starts
from streams.runtime.store import Store
from streams.runtime.store import encode_row as encode
from streams.runtime.table import TablePartition
from tests.support.contexts import context
from tests.unit.runtime.changelog import MemoryLog

A, B, C = (Partition("in", number) for number in range(3))


def told(processor: str) -> float:
    return float(metrics.SHORTENED.labels(processor, "in")._value.get())


def test_position_behind_the_end_begins_anew() -> None:
    before = told("p")
    starts = true_starts("p", {A: 5, B: 7, C: None}, {A: 5, B: 6, C: 0})
    assert starts == {A: 5, B: None, C: None}
    assert told("p") - before == 1


def test_input_without_an_answer_is_read_as_committed() -> None:
    assert true_starts("p", {A: 5}, {}) == {A: 5}


def test_input_that_shrinks_while_read_ends_the_process() -> None:
    check_running("p", {A: 5, B: 2}, {A: 5})
    with pytest.raises(ShortenedError, match=r"in\[1\] ends at 6, read up to 7"):
        check_running("p", {A: 5, B: 7}, {A: 9, B: 6})


async def test_rows_forget_offsets_that_come_again(tmp_path: Path) -> None:
    log = MemoryLog()
    table = TablePartition(Store(tmp_path), log, log)  # type: ignore[arg-type]
    await table.recover(0)
    rows: dict[bytes, Row | None] = {b"a": Row(encode_row(2, b"x"), 9), b"b": Row(encode_row(7, b"y"))}
    encoded = [(key, encode(row)) for key, row in rows.items()]
    await table.append(encoded)
    table.apply(rows, encoded)
    assert await last_read(Orchestrate(context()), table) == (7, b"b")
    await mend_rows(Orchestrate(context()), table, 8, 7, A)
    table.store.close()
    copy = TablePartition(Store(tmp_path / "elsewhere"), log, log)  # type: ignore[arg-type]
    await copy.recover(0)
    found = dict(copy.store.rows())
    assert [row_offset(found[key].value) for key in (b"a", b"b")] == [-1, -1]
    assert (found[b"a"].value[8:], found[b"a"].due_ms, found[b"b"].value[8:]) == (b"x", 9, b"y")
