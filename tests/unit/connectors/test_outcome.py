"""The table of reasons, and outcomes as problems."""

from __future__ import annotations

import pytest

from connectors.hub.outcome import CallOutcome, to_problem
from schemas import problems
from schemas.reasons import MEANINGS, Effect, Reason


def problem(reason: Reason, status: int | None = None) -> dict[str, object]:
    return to_problem(CallOutcome(reason=reason, effect=Effect.NONE, status=status), "/do/0/x")


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)


def test_reasons_are_stable_upper_snake_names() -> None:
    assert all(reason.value == reason.name and reason.value.isupper() for reason in Reason)


def test_every_failure_has_an_error_status() -> None:
    assert all(400 <= meaning.status < 600 for reason, meaning in MEANINGS.items() if reason is not Reason.OK)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, problems.COMMUNICATION),
        (401, problems.AUTHENTICATION),
        (403, problems.AUTHORIZATION),
        (404, problems.COMMUNICATION),
        (408, problems.TIMEOUT),
        (503, problems.COMMUNICATION),
    ],
)
def test_remote_status_is_kept_and_names_the_type(status: int, expected: str) -> None:
    made = problem(Reason.INPUT_INVALID, status)
    assert (made["type"], made["status"]) == (expected, status)


@pytest.mark.parametrize(
    ("reason", "kind", "status"),
    [
        (Reason.INPUT_INVALID, problems.VALIDATION, 400),
        (Reason.TIMED_OUT, problems.TIMEOUT, 408),
        (Reason.UNREACHED, problems.COMMUNICATION, 503),
        (Reason.OUTCOME_UNKNOWN, problems.COMMUNICATION, 500),
        (Reason.UNSUPPORTED, problems.CONFIGURATION, 400),
        (Reason.PLATFORM_FAULT, problems.RUNTIME, 500),
    ],
)
def test_reason_names_the_type_without_remote_status(reason: Reason, kind: str, status: int) -> None:
    made = problem(reason)
    assert (made["type"], made["status"], made["reason"]) == (kind, status, reason.value)


def test_problem_points_at_the_task() -> None:
    assert problem(Reason.NOT_FOUND)["instance"] == "/do/0/x"
