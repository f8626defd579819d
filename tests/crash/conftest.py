"""Seeds and scenarios of the crash suite. A seed is drawn for each run; EXLIFY_CRASH_SEED sets it."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.harness import Scenario
from tests.crash.ledger import Ledger
from tests.crash.scenarios import RUN_SEED, MakeScenario

RUN = time.time_ns() // 1_000_000  # a broker outlives its runs where it was given by address


def pytest_report_header() -> str:
    return f"crash suite: EXLIFY_CRASH_SEED={RUN_SEED}"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger().serve() as serving:
        yield serving


@pytest.fixture
def scenario(request: pytest.FixtureRequest, kafka: str, tmp_path: Path, ledger: Ledger) -> Iterator[MakeScenario]:
    """Makes scenarios on the shared broker; each is named after its test, and ends with it."""
    made: list[Scenario] = []

    def make(kind: str, **options: Any) -> Scenario:
        bootstrap = options.pop("bootstrap", kafka)
        name = f"t{zlib.crc32(request.node.nodeid.encode()):08x}-{RUN:x}-{len(made)}"
        outside = ledger if kind in ("booker", "own", "prey") else None
        made.append(Scenario(kind, name, bootstrap, tmp_path / name, RUN_SEED, ledger=outside, **options).__enter__())
        return made[-1]

    yield make
    for each in made:
        each.__exit__()
