"""What an HTTP status says about reason and effect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.http.status import MAX_WAIT_MS, judge, retry_after_ms
from schemas.functions import EffectClass
from schemas.reasons import Reason

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "reason", "doubtful"),
    [
        (301, Reason.CONTRACT_DRIFT, False),
        (303, Reason.CONTRACT_DRIFT, True),
        (400, Reason.INPUT_INVALID, False),
        (401, Reason.AUTH_EXPIRED, False),
        (403, Reason.FORBIDDEN, False),
        (404, Reason.NOT_FOUND, False),
        (409, Reason.CONFLICT, False),
        (418, Reason.INPUT_INVALID, False),
        (429, Reason.RATE_LIMITED, False),
        (500, Reason.REMOTE_FAULT, True),
        (502, Reason.OUTCOME_UNKNOWN, True),
        (503, Reason.UNREACHED, False),
        (504, Reason.OUTCOME_UNKNOWN, True),
        (599, Reason.REMOTE_FAULT, True),
        (999, Reason.CONTRACT_DRIFT, True),
    ],
)
def test_status_gives_reason_and_doubt(status: int, reason: Reason, doubtful: bool) -> None:
    verdict = judge(status, EffectClass.BLIND, asked_to_wait=False)
    assert (verdict.reason, verdict.doubtful) == (reason, doubtful)


def test_unavailable_with_a_wait_is_a_limit() -> None:
    assert judge(503, EffectClass.READ, asked_to_wait=True).reason is Reason.RATE_LIMITED


def test_conflict_of_a_keyed_request_is_doubtful() -> None:
    assert judge(409, EffectClass.KEYED, asked_to_wait=False).doubtful


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        (None, None),
        ("7", 7_000),
        ("Mon, 23 Nov 2026 12:00:05 GMT", 5_000),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("9" * 5_000, MAX_WAIT_MS),
        ("Mon, 23 Nov 9999 12:00:00 GMT", MAX_WAIT_MS),
        ("Mon, 23 Nov 99999999999 12:00:00 GMT", None),
        ("-5", None),
    ],
)
def test_demanded_wait_is_read_in_both_forms(value: str | None, wait_ms: int | None) -> None:
    assert retry_after_ms(value, NOW) == wait_ms
