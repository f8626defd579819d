"""Customer onboarding while its identity check is away: five more tries, then the register, then people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import streams.workflows
from streams.catalogue import processors
from streams.ground.settings import Settings
from streams.local import Report, run_locally
from streams.mocked import Mocks, mocks_of
from streams.processors.human.local import Answer
from tests.support.definitions import BUNDLED, load

TEXT = (Path(next(iter(streams.workflows.__path__))) / "customer-onboarding.yaml").read_text(encoding="utf-8")
APPLICATION = {
    "application_id": "A-1",
    "applicant": {"given_name": "Ada", "family_name": "Byron", "email": "ada@example.com"},
}
ACCOUNT = "/do/5/openAccount/fork/branches/2/provisionAccount"
AWAY = {"error": {"reason": "UNREACHED"}}
DOUBT = {"error": {"reason": "OUTCOME_UNKNOWN", "effect": "unknown"}}
OTHERS = {
    "assessRisk": {"output": {"route": "approve", "score": 0.1, "decisionId": "d-1", "reasons": []}},
    "checkCompliance": {"output": {"rows": [], "count": 0}},
    "provisionAccount": {"output": {"accountCreated": {"number": "4711"}}},
    "undo-provisionAccount": {"output": {"accountClosed": {"number": "4711"}}},
    "welcomeCustomer": {"output": {"status": "queued"}},
}


async def onboarded(people: str = "refused", **mocks: Any) -> Report:
    answered: Mocks = mocks_of(
        {**OTHERS, **{name.replace("_at_", "@").replace("undo_", "undo-"): said for name, said in mocks.items()}},
        "mocks",
    )
    asked = {"verifyIdentity": [Answer(people)]}
    declared = tuple(processors(BUNDLED).values())
    return await run_locally(
        load(TEXT), APPLICATION, asked, Settings(), declared, BUNDLED, mocks=answered, virtual_time=True
    )


def test_the_policy_is_at_most_fifteen_lines() -> None:
    (recovery,) = re.findall(r"( +)recovery:\n((?:\1 +.*\n)+)", TEXT)
    undoing = re.findall(r"^.*compensate: (?!none).*$", TEXT, re.MULTILINE)
    assert len(undoing) == 2
    assert len(recovery[1].splitlines()) + 1 + len(undoing) <= 15


async def test_the_sixth_try_may_be_the_one_that_succeeds() -> None:
    report = await onboarded(verifyIdentity=[AWAY] * 5 + [{"output": {"status": "verified"}}])
    assert report.output["identity"] == "verified" and report.output["decision"] == "approved"


async def test_after_the_sixth_failure_the_register_is_asked() -> None:
    report = await onboarded(verifyIdentity=[AWAY] * 6, verifyIdentity_at_1=[{"output": {"known": True}}])
    assert report.output["identity"] == "verified" and report.undone is None


async def test_in_doubt_the_register_is_asked_at_once() -> None:
    report = await onboarded(verifyIdentity=[DOUBT], verifyIdentity_at_1=[{"output": {"known": False}}])
    assert report.output["identity"] == "refused" and report.output["decision"] == "on-hold"


async def test_where_the_register_is_away_as_well_people_are_asked() -> None:
    report = await onboarded(verifyIdentity=[AWAY], verifyIdentity_at_1=[AWAY], people="verified")
    assert report.output["identity"] == "verified" and report.output["decision"] == "approved"
    assert report.undone is None


async def test_the_account_is_closed_if_a_person_refuses() -> None:
    report = await onboarded(verifyIdentity=[AWAY], verifyIdentity_at_1=[AWAY])
    assert report.output["identity"] == "refused" and report.output["decision"] == "refused"
    assert report.undone == [ACCOUNT] and report.standing is None
    assert report.tasks[-1] == f"{ACCOUNT}/metadata/compensate"


async def test_an_account_that_cannot_be_closed_is_told() -> None:
    refused = {"error": {"reason": "BUSINESS_REJECTED"}}
    report = await onboarded(verifyIdentity=[AWAY], verifyIdentity_at_1=[AWAY], undo_provisionAccount=[refused])
    assert report.output["decision"] == "refused" and report.standing == [ACCOUNT]
