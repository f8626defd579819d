"""Customer onboarding: one outcome for each application, as model, reviewers and outside systems say.

The same with every process killed again and again, and every delivery made twice.
"""

from __future__ import annotations

import pytest

from tests.acceptance import onboarding
from tests.acceptance.cases import GERMAN_ROWS, NO_GERMAN_ROWS, german, made_up
from tests.acceptance.site import Site
from tests.support.figures import Report

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
KILLS = 5  # of each process; the full measure is in tests/crash/test_german_credit.py
SEED = 1994


@pytest.mark.skipif(not GERMAN_ROWS.exists(), reason=NO_GERMAN_ROWS)
async def test_every_german_row_ends_as_expected(site: Site, report: Report) -> None:
    cases = german("german")
    assert len(cases) == 800
    report(**await onboarding.run(site, cases))


async def test_every_made_up_application_ends_as_expected(site: Site, report: Report) -> None:
    report(**await onboarding.run(site, made_up("made-up", 100)))


async def test_killed_processes_change_no_outcome(site: Site, report: Report) -> None:
    report(**await onboarding.run_with_kills(site, made_up("killed", 100), kills=KILLS, seed=SEED))
