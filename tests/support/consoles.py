"""Somebody at the console, without a browser: pages are asked for and forms are sent as a browser does it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import orjson

from schemas.catalogue import current
from schemas.messages import (
    CANCEL_INSTANCE,
    DECISION,
    HISTORY_ENTRY,
    HUMAN_ACTION,
    HUMAN_TASK,
    START_INSTANCE,
    STEP_RESULT,
)
from schemas.payload import Payload
from schemas.samples import sample
from streams.processors.human import rules
from streams.processors.human.task import HumanTask
from tests.support.gateways import CODEC, NOW_S, Gateway

INSTANCE = "ab" * 16
ALERT_ID = "0" * 31 + "1"
NOW_MS = NOW_S * 1000
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Console:
    """A console, and what its pages say."""

    gateway: Gateway

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and text of a page; a browser's own security headers are there, and none of its rules is relaxed."""
        async with self.gateway.client.get(path, headers={"Accept": "text/html", **headers}) as response:
            policy = response.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "*" not in policy
            return response.status, await response.text()

    async def data(self, path: str) -> Any:
        """What a page says to programs."""
        async with self.gateway.client.get(path, headers={"Accept": "application/json"}) as response:
            assert response.content_type == "application/json"
            return await response.json()

    async def send(
        self, path: str, page: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Sends a form of a page: status, where it leads, and the text of the answer."""
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page))
        sent = {name: unescape(value) for name, value in hidden.items()} | fields
        asked = self.gateway.client.post(path, data=sent, headers=headers or SAME_ORIGIN, allow_redirects=False)
        async with asked as response:
            return response.status, response.headers.get("Location", ""), await response.text()

    def began(self, **changes: Any) -> None:
        """An instance has begun."""
        cause = CODEC.encode(START_INSTANCE, sample(current()[START_INSTANCE]) | {"instance_id": INSTANCE})
        status = changes.pop("status", "running")
        self.entered(0, status, cause, [change("workflow.started")], **changes)

    def entered(self, seq: int, status: str, cause: bytes, transitions: list[dict[str, Any]], **changes: Any) -> None:
        """The engine has taken a step."""
        example = sample(current()[HISTORY_ENTRY]) | {"instance_id": INSTANCE, "business_key": "A-17"}
        fields = {"seq": seq, "status": status, "cause": cause, "transitions": transitions}
        self.gateway.see(HISTORY_ENTRY, example | {"at_ms": NOW_MS - 60_000 + seq} | fields | changes)

    def asked(self, **changes: Any) -> dict[str, Any]:
        """A task waits for people."""
        fields = {
            "task_id": f"{INSTANCE}/do/1/review/0/0", "instance_id": INSTANCE, "pointer": "/do/1/review",
            "status": "open", "version": 1, "outcomes": ["approve", "decline"], "title": "Review it", "team": "credit",
            "created_at_ms": NOW_MS - 60_000, "updated_at_ms": NOW_MS - 60_000, "due_ms": NOW_MS + 3_600_000,
            "form": payload({"type": "object", "properties": {"note": {"type": "string", "maxLength": 5}}}),
            "input": payload({"score": 0.4}), "outcome": None, "completed_by": None, "data": None, "refusals": [],
            "last_action_id": None, "business_key": "A-17", "assignee": None, "assigned_until_ms": None,
            "aside_until_ms": None, "settles_at_ms": None, "acts": [], "audit": False,
            "comments": None,
        }  # fmt: skip
        task = sample(current()[HUMAN_TASK]) | fields | changes
        self.gateway.see(HUMAN_TASK, task)
        return task

    def saw(self, **changes: Any) -> None:
        """A worker tells of its calls."""
        report = {"connection": "erp", "worker": "a", "breaker": "closed", "calls": 9, "failed": 0, "took_ms": 90,
                  "last_reason": None, "at_ms": NOW_MS - 30_000}  # fmt: skip
        self.gateway.services.seen.learn(report | changes)

    def decided(self, **changes: Any) -> None:
        """A model has decided."""
        reasons = [
            {"group": "purpose", "contribution": 0.2, "text_id": None},
            {"group": "savings", "contribution": -0.1, "text_id": None},
        ]
        fields = {
            "instance_id": INSTANCE, "route": "review", "score": 0.4, "thresholds": {"approve_below": 0.25},
            "model": "credit-risk", "model_version": "1", "reasons": reasons, "input": payload({"purpose": "A43"}),
        }  # fmt: skip
        self.gateway.see(DECISION, sample(current()[DECISION]) | fields | changes)


class Processor:
    """The rules of human tasks behind the console: takes what was published, and the view sees it."""

    def __init__(self, console: Console, *tasks: dict[str, Any]) -> None:
        object.__setattr__(console.gateway.services, "answer_timeout_s", 10.0)
        self._console, self._taken = console, 0
        self._tasks = {task["task_id"]: HumanTask(task) for task in tasks}

    async def during(self, asked: Any) -> Any:
        """The answer to a request, while the processor works."""
        running = asyncio.ensure_future(asked)
        while not running.done():
            await asyncio.sleep(0.001)
            self.work()
        return await running

    def work(self) -> None:
        """Takes what has come."""
        for name, action in self._console.gateway.outbox.decoded()[self._taken :]:
            self._taken += 1
            assert name == HUMAN_ACTION
            task = self._tasks[action["task_id"]]
            if not task.knows(action["action_id"]):
                task = self._tasks[action["task_id"]] = rules.acted(task, action, NOW_MS)
                self._console.gateway.see(HUMAN_TASK, dict(task.fields))


def change(phase: str, pointer: str = "", **fields: Any) -> dict[str, Any]:
    """A transition."""
    return {"pointer": pointer, "iteration": 0, "attempt": 0, "phase": phase, "data": None, **fields}


def result(pointer: str, output: Any) -> bytes:
    """The result of a step, framed."""
    fields = {"pointer": pointer, "status": "completed", "output": payload(output), "error": None}
    return CODEC.encode(STEP_RESULT, sample(current()[STEP_RESULT]) | fields)


def cancelling(actor: str, reason: str) -> bytes:
    """The wish to end an instance, framed."""
    return CODEC.encode(CANCEL_INSTANCE, {"instance_id": INSTANCE, "actor": actor, "reason": reason})


def payload(value: Any) -> Payload:
    """A value as data of the business."""
    return Payload.inside(orjson.dumps(value))


def alert(**more: Any) -> dict[str, Any]:
    """An alert that is open."""
    return {
        "alert_id": ALERT_ID, "seq": 1, "kind": "incident", "status": "open", "severity": "critical",
        "title": "order waits",
        "owner": "desk", "count": 2, "total": 3, "since_ms": NOW_MS - 3_600_000, "opened_at_ms": NOW_MS,
        "changed_at_ms": NOW_MS, "rung": 0, "next_ms": NOW_MS + 60_000, **more,
    }  # fmt: skip
