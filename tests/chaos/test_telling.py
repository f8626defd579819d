"""The judge of who was told sees each fault that it is there for, and none where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos import telling
from tests.chaos.telling import Span, Tidings

SLACK_MS = 1_000


def row(stands: str = "closed", count: int = 0, **notice: Any) -> dict[str, Any]:
    return {
        "status": stands,
        "count": count,
        "title": "It waits",
        "kind": "incident",
        "notices": [notice] if notice else [],
    }


def told(*events: str, channel: str = "team", alert: str = "a") -> list[dict[str, Any]]:
    return [
        {"channel": channel, "alert": alert, "kind": "incident", "event": event, "key": f"{alert}/{number}"}
        for number, event in enumerate(events)
    ]


def well() -> Tidings:
    """One incident, told and mended."""
    return Tidings(
        spans={"i": Span(5_000, 9_000)},
        raised={"i": ("a", 5_100)},
        over={"i"},
        alerts={"a": row(channel="team", status="told")},
        told=told("opened", "closed"),
    )


def faults(found: Tidings) -> list[str]:
    return [*telling.of_causes(found, SLACK_MS), *telling.of_notices(found.told), *telling.of_ends(found)]


def test_what_was_told_once_and_ended_is_not_complained_of() -> None:
    found = well()
    assert faults(found) == [] and found.open == [] and [*found.untold()] == []
    found.told += told("opened", "closed")  # the same requests again: the channel takes them for one
    assert faults(found) == []


def test_what_ended_within_its_slack_need_not_be_told() -> None:
    assert faults(Tidings(spans={"i": Span(5_000, 5_900)})) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"raised": {}, "alerts": {}, "told": []},
        {"spans": {"i": Span(5_000)}},
        {"told": told("opened", "opened", "closed")},
        {"told": told("opened")},
        {"over": set()},
        {"alerts": {"a": row("open", 1)}},
        {"alerts": {"a": row("open", 1)}, "told": []},
    ],
)
def test_each_fault_is_seen(changed: dict[str, Any]) -> None:
    found = well()
    for name, value in changed.items():
        setattr(found, name, value)
    assert faults(found)


def test_who_waits_beyond_the_limit_and_is_told_to_nobody_is_seen() -> None:
    found = Tidings(spans={"i": Span(5_000)})
    assert [*found.untold()] == ["i"]
    found.raised["i"] = ("a", 5_100)
    assert [*found.untold()] == ["i"], "raised, but no channel has it"
    found.told = told("opened")
    assert [*found.untold()] == []
