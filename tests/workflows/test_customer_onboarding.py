"""The story of customer onboarding, on the real definition and the real engine, with second deliveries and answers
out of order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

import streams.workflows
from streams.engine import Outcome
from streams.steps import run_step
from tests.reference.inbox import Inbox
from tests.reference.interpreter import Answer
from tests.support.definitions import BUNDLED, load

Json = Any

TEXT = (Path(next(iter(streams.workflows.__path__))) / "customer-onboarding.yaml").read_text(encoding="utf-8")
APPLICATION = {
    "application_id": "A-1",
    "applicant": {"given_name": "Ada", "family_name": "Byron", "email": "ada@example.com"},
}
ANSWERS: Mapping[str, Answer] = {
    "assessRisk": Answer({"route": "approve", "score": 0.1, "decisionId": "d-1", "reasons": []}),
    "reviewApplication": Answer({"outcome": "approve", "data": {"comment": "fine"}}),
    "verifyIdentity": Answer({"status": "verified"}),
    "checkCompliance": Answer({"rows": [], "count": 0}),
    "provisionAccount": Answer({"accountCreated": {"number": "4711"}}),
    "writeLetter": Answer({"subject": "Welcome, Ada", "text": "Your account 4711 is open."}),
    "welcomeCustomer": Answer({"accepted": True}),
}
REVIEW = Answer({"route": "review", "score": 0.8, "decisionId": "d-1", "reasons": [{"field": "duration"}]})


class Story:
    """One application; `answers` replaces those of a smooth run."""

    def __init__(self, answers: Mapping[str, Answer] | None = None, seed: int = 0) -> None:
        self.asked: dict[str, Json] = {}
        self._answers = {**ANSWERS, **(answers or {})}
        self.inbox = Inbox(load(TEXT), self._call, Random(seed))
        self.outcome: Outcome = self.inbox.run(APPLICATION)

    def _call(self, pointer: str, function: str, arguments: Json) -> Answer:
        name = pointer.rpartition("/")[2]
        assert self.asked.setdefault(name, arguments) == arguments, "a call was repeated with other arguments"
        return self._answers[name]

    @property
    def output(self) -> Json:
        """What the outcome says."""
        assert self.outcome.output is not None
        return self.outcome.output.value()


@pytest.mark.parametrize("seed", range(10))
def test_low_risk_opens_account_without_people(seed: int) -> None:
    story = Story(seed=seed)
    assert story.outcome.status == "completed"
    assert story.output["decision"] == "approved"
    assert story.output["account"] == "4711"
    assert "reviewApplication" not in story.asked
    assert story.asked["welcomeCustomer"]["body"]["subject"] == "Welcome, Ada"


def test_letter_is_written_for_the_account() -> None:
    asked = Story().asked["writeLetter"]
    (step,) = (each for each in BUNDLED if each.name == "onboarding.letter")
    assert run_step(step, asked)["text"].startswith("Your account 4711 is open.")


def test_high_risk_asks_people_first() -> None:
    story = Story({"assessRisk": REVIEW})
    assert story.output["decision"] == "approved"
    task = story.asked["reviewApplication"]
    assert (task["team"], task["outcomes"], task["due"]) == ("risk-review", ["approve", "reject"], 8 * 3_600_000)
    assert task["title"] == "Review application A-1"
    assert "applicant" not in str(task["input"])


def test_rejection_ends_before_anything_is_opened() -> None:
    story = Story({"assessRisk": REVIEW, "reviewApplication": Answer({"outcome": "reject"})})
    assert story.outcome.status == "completed"
    assert story.output["decision"] == "rejected"
    assert set(story.asked) == {"assessRisk", "reviewApplication"}


def test_three_systems_are_asked_at_once() -> None:
    story = Story()
    checks = {"verifyIdentity", "checkCompliance", "provisionAccount"}
    assert checks <= set(story.asked)
    started = [entry.pointer.rpartition("/")[2] for entry in story.inbox.transitions if entry.phase == "task.started"]
    ended = [entry.pointer.rpartition("/")[2] for entry in story.inbox.transitions if entry.phase == "task.completed"]
    position = started.index("openAccount")
    assert set(started[position + 1 : position + 4]) == checks
    assert ended.index("openAccount") > max(ended.index(check) for check in checks)


@pytest.mark.parametrize(
    ("task", "answer"),
    [("checkCompliance", {"rows": [{"list": "EU"}], "count": 1}), ("verifyIdentity", {"status": "unclear"})],
)
def test_doubt_puts_application_on_hold_without_welcome(task: str, answer: Json) -> None:
    story = Story({task: Answer(answer)})
    assert story.output["decision"] == "on-hold"
    assert "welcomeCustomer" not in story.asked


def test_failing_system_faults_instance_with_place() -> None:
    away = {
        "type": "https://open-workflow-specification.org/spec/1.0.0/errors/communication",
        "status": 503,
        "title": "Away",
    }
    story = Story({"provisionAccount": Answer(error=away)})
    assert story.outcome.status == "faulted"
    assert story.outcome.error is not None
    assert story.outcome.error["instance"].endswith("/provisionAccount")
