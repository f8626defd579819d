"""All of the German credit data through a whole site, every process killed twenty times, each delivery made twice.

The reduced measure, with made-up applications, is part of `make test` (tests/acceptance/test_german_credit.py).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.acceptance import onboarding, refold
from tests.acceptance.cases import GERMAN_ROWS, NO_GERMAN_ROWS, german
from tests.acceptance.site import running
from tests.crash.scenarios import RUN_SEED
from tests.support import brokers
from tests.support.figures import Report

KILLS = 20  # of each process


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.skipif(not GERMAN_ROWS.exists(), reason=NO_GERMAN_ROWS)
def test_eighty_kills_change_no_outcome(tmp_path: Path, report: Report) -> None:
    with brokers.chosen(tmp_path).kafka() as bootstrap, running(bootstrap, tmp_path) as site:
        cases = german("killed")
        report(**asyncio.run(onboarding.run_with_kills(site, cases, kills=KILLS, seed=RUN_SEED)))
        fold = refold.folded_inbox(site)
        assert refold.changelog_table(site) == refold.Table(fold.rows, fold.offsets)
        assert refold.history(site) == fold.entries
