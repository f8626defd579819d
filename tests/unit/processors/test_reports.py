"""What calls tell of the systems outside: counted as they end, told together, and forgotten in time."""

from __future__ import annotations

from typing import Any

from connectors.hub.observer import EndedCall
from schemas.reasons import Effect, Reason
from streams.processors.call.reports import HEARD_MS, LOOKED_AT_MS, Report, Seen, Tally

AT_MS = 1_790_000_000_000


def ended(connection: str, reason: Reason = Reason.OK, seconds: float = 0.1) -> EndedCall:
    return EndedCall(function="http", connection=connection, reason=reason, effect=Effect.NONE, seconds=seconds)


def told(seen: Seen, reports: list[Report]) -> None:
    for each in reports:
        seen.learn({name: getattr(each, name) for name in each.__struct_fields__})


def test_calls_of_a_while_are_one_report_of_each_system() -> None:
    tally = Tally()
    for call in (
        ended("http:erp"),
        ended("http:erp", Reason.TIMED_OUT, 3),
        ended("sql:hr"),
        ended("", Reason.MISCONFIGURED),
    ):
        tally.note(call)
    erp, hr = tally.reports({"http:erp": "closed"}, AT_MS)
    assert (erp.connection, erp.calls, erp.failed, erp.took_ms, erp.last_reason) == ("erp", 2, 1, 3_100, "TIMED_OUT")
    assert (hr.connection, hr.calls, hr.last_reason) == ("hr", 1, None)
    assert tally.reports({"http:erp": "closed"}, AT_MS) == []


def test_system_that_is_not_called_is_told_of_until_it_is_called_again() -> None:
    tally, seen = Tally(), Seen()
    for state, expected in (("open", ["open"]), ("open", ["open"]), ("closed", ["closed"]), ("closed", [])):
        reports = tally.reports({"http:erp": state}, AT_MS)
        told(seen, reports)
        assert [each.breaker for each in reports] == expected
    assert seen.of("erp", AT_MS)["breaker"] == "closed"


def test_open_breaker_of_a_worker_that_is_silent_is_forgotten() -> None:
    tally, seen = Tally(), Seen()
    tally.note(ended("http:erp", Reason.UNREACHED))
    told(seen, tally.reports({"http:erp": "open"}, AT_MS))
    later: dict[str, Any] = seen.of("erp", AT_MS + HEARD_MS)
    assert (seen.of("erp", AT_MS)["breaker"], later["breaker"], later["failed"]) == ("open", "closed", 1)
    assert seen.of("erp", AT_MS + LOOKED_AT_MS) == seen.of("other", AT_MS)
    assert seen.names(AT_MS) == {"erp"} and seen.names(AT_MS + LOOKED_AT_MS) == set()
