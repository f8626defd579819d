"""Records that two deaths have in common: tried together, and alone only where one of them is guilty."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from streams.runtime import court
from streams.runtime.court import TOGETHER, Court
from streams.runtime.processor import Record

PROGRAM = """
import os, sys, msgspec
cases = [case["offset"] for case in msgspec.msgpack.decode(sys.stdin.buffer.read())[1]]
with open(sys.argv[1], "a") as trials:
    print(*cases, file=trials)
if len(cases) > int(sys.argv[3]):
    sys.exit(69)
print("opened", flush=True)
if int(sys.argv[2]) in cases:
    os.kill(os.getpid(), 9)
"""


async def judged(folder: Path, offsets: Sequence[int], deadly: int, most: int = 1_000) -> tuple[list[int], list[str]]:
    """The offsets of those that were found guilty, and what was tried: a line for each trial. A process does not start
    with more than `most`."""
    trials = folder / "trials"
    argv = (sys.executable, "-c", PROGRAM, str(trials), str(deadly), str(most))
    seat = Court("toy", argv, lambda _: None, handle_s=20.0)
    records = [Record("in", 0, offset, 0, b"k", b"v") for offset in offsets]
    guilty = await asyncio.gather(*(seat.is_guilty(each, 2, None) for each in records))
    assert not seat._waiting
    return [offset for offset, found in zip(offsets, guilty, strict=True) if found], trials.read_text().splitlines()


async def test_one_trial_acquits_all_that_were_only_there(tmp_path: Path) -> None:
    guilty, trials = await judged(tmp_path, range(20), deadly=-1)
    assert (guilty, [line.split() for line in trials]) == ([], [[str(offset) for offset in range(20)]])


async def test_one_that_is_guilty_is_found_among_the_others(tmp_path: Path) -> None:
    guilty, trials = await judged(tmp_path, range(5), deadly=3)
    assert (guilty, trials) == ([3], ["0 1 2 3 4", "0", "1", "2", "3", "4"])


async def test_no_more_are_tried_together_than_a_process_is_given(tmp_path: Path) -> None:
    guilty, trials = await judged(tmp_path, range(TOGETHER + 2), deadly=-1)
    assert (guilty, [len(line.split()) for line in trials]) == ([], [TOGETHER, 2])


async def test_where_no_process_takes_them_together_each_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(court, "TRY_AGAIN_S", 0.0)
    guilty, trials = await judged(tmp_path, range(3), deadly=1, most=1)
    assert (guilty, trials) == ([1], ["0 1 2", "0", "1", "2"])
