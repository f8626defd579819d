"""No test of continuous integration asserts a time: a slow or a busy machine would fail it, and a fast one hide."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
BY_THE_CLOCK = {"bench", "chaos", "crash", "fuzz", "learning", "guard"}  # with commands of their own; this one
OF_COSTS = TESTS / "support" / "cost.py"  # the one home of what a piece of work costs


def _files() -> list[Path]:
    return [path for path in TESTS.rglob("*.py") if path.relative_to(TESTS).parts[0] not in BY_THE_CLOCK]


@pytest.mark.parametrize(
    ("pattern", "remedy"),
    [
        (r"\b(process_time|thread_time|perf_counter)(_ns)?\(", "ask tests/support/cost.py what work costs"),
        (
            r"asyncio\.timeout\([\d.]+\)|asyncio\.wait_for\(.*, ?[\d.]+\)"
            # Of a process, a thread, a socket, a client; what a step has of its own is a part of its test.
            r"|^(?!\s*@step).*\btimeout=[1-9]|select\.select\(.*, [\d.]+\)"
            r"|\.(flush|result)\(\d+\)|\b(process|parent)\.wait\(\d",
            "wait for PATIENCE_S of tests/support/waiting.py",
        ),
        (r"assert .*\b(time|monotonic)\(\) ?- ?\w+ ?<(?! PATIENCE_S)", "count something that is not time"),
    ],
)
def test_no_test_is_decided_by_the_clock(pattern: str, remedy: str) -> None:
    found = [
        f"{path.relative_to(TESTS)}:{number}"
        for path in _files()
        if path != OF_COSTS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == [], remedy
