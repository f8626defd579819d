"""Replays as the view has seen them."""

from __future__ import annotations

from typing import Any

from schemas.messages import REPLAY_RESULT, REPLAY_STATE
from streams.processors.replay.request import Candidate, Request, encode
from tests.support.gateways import NOW_S, Gateway

NOW_MS = NOW_S * 1000
REQUEST = encode(Request(topics=("orders.v1",), definitions={"order": Candidate(digest="ab" * 32)}))


def see_state(gateway: Gateway, **changes: Any) -> None:
    """A replay is so."""
    state = {
        "name": "band", "seq": 1, "status": "running", "request": REQUEST, "started_at_ms": NOW_MS, "at_ms": NOW_MS,
        "ended_at_ms": None, "actor": "kim", "held": 9, "gone": 2, "read": 5, "from_history": 1, "unreadable": 0,
        "replayed": 3, "changed": 1, "unanswered": 1, "action_id": "a", "refused": None, "detail": None,
    }  # fmt: skip
    gateway.see(REPLAY_STATE, state | changes)


def see_result(gateway: Gateway, number: int, **changes: Any) -> None:
    """An event was processed anew."""
    result = {
        "replay": "band", "instance_id": f"{number:032x}", "original_id": f"{number + 100:032x}", "workflow": "order",
        "version": "1.0.0", "digest": "ab" * 32, "event_type": "com.example.order.v1", "source": "/shop",
        "event_id": str(number), "business_key": f"O-{number}", "place": f"orders.v1[0]@{number}",
        "time_ms": NOW_MS + number, "before": "completed", "after": "completed", "same_output": True,
        "before_routes": '{"check":"review"}', "after_routes": '{"check":"review"}', "stopped_at": None,
        "before_ms": 2_000, "after_ms": 2_000, "before_calls": 1, "after_calls": 1, "before_people": 1,
        "after_people": 1, "assumed": 0, "real": 0,
    }  # fmt: skip
    gateway.see(REPLAY_RESULT, result | changes)


def see_three(gateway: Gateway) -> None:
    """A replay of three events: one as before, one that nobody has to look at any more, one unanswered."""
    see_state(gateway)
    see_result(gateway, 1)
    see_result(gateway, 2, after_routes='{"check":"approve"}', after_people=0, after_ms=1_000)
    stopped = {"after": "unanswered", "stopped_at": "http /do/2/pay", "same_output": None, "after_routes": "{}"}
    see_result(gateway, 3, **stopped)
