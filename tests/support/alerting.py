"""Escalation without Kafka: both processors on their tables, in a time of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import ALERT_ACTION, HUMAN_TASK, INCIDENT
from schemas.reasons import Reason
from schemas.samples import sample
from schemas.steps import problem
from streams.ground.settings import Settings
from streams.processors.escalate import ACTIONS, ALERTS, ANSWERS, CAUSES, NOTICES
from streams.processors.escalate.processor import Escalate
from streams.processors.human import TASKS
from streams.processors.notify.processor import Notify
from streams.processors.orchestrate import DEADLINES, INCIDENTS
from streams.runtime.containment import check
from streams.runtime.processor import Effects, Message, Output, Record
from tests.support.contexts import context
from tests.support.tables import Table

CODEC = Codec.offline()
MINUTE, HOUR = 60_000, 3_600_000
INSTANCE = "ab" * 16


class Alerting:
    """What comes out goes in again where it is read, until nothing comes out."""

    def __init__(self, folder: Path) -> None:
        made_with = context(CODEC, Settings(site_dir=folder))
        self.escalate, self.notify = Escalate(made_with), Notify(made_with)
        self.table, self.notices = Table(), Table()
        self.now_ms = 1_795_000_000_000
        self.alerts: dict[str, dict[str, Any]] = {}  # in their newest state
        self.lost: Callable[[Output], bool] = lambda output: False
        self.sent: list[Output] = []

    async def deliver(self, topic: str, name: str, data: dict[str, Any], key: str = INSTANCE) -> None:
        await self._run([Output(_TOPICS[topic], key.encode(), CODEC.encode(name, data))])

    async def incident(self, status: str = "open", number: int = 1, **more: Any) -> None:
        data = {
            **sample(current()[INCIDENT]), "instance_id": INSTANCE, "incident_id": f"{INSTANCE}/{number}",
            "status": status, "workflow": "order", "pointer": "/do/0/pay", "reason": "UNREACHED", "owner": "desk",
            "error": problem(Reason.UNREACHED, "away", "/do/0/pay"), "opened_at_ms": self.now_ms, **more,
        }  # fmt: skip
        await self.deliver("incidents", INCIDENT, data)

    async def task(self, status: str = "open", **more: Any) -> None:
        data = {
            **sample(current()[HUMAN_TASK]), "task_id": f"{INSTANCE}/do/1/ask/0/0", "status": status,
            "workflow": "order", "team": "desk", "title": "Look at it", "due_ms": self.now_ms + HOUR, **more,
        }  # fmt: skip
        await self.deliver("tasks", HUMAN_TASK, data, data["task_id"])

    async def act(self, action: str, **more: Any) -> None:
        given = {"action": action, "until_ms": None, "why": "seen", "actor": "ada", "action_id": "1", **more}
        given.setdefault("alert_id", next(iter(self.alerts), ""))
        await self.deliver("actions", ALERT_ACTION, given, given["alert_id"])

    @property
    def alert(self) -> dict[str, Any]:
        """The only one that there is."""
        (found,) = self.alerts.values()
        return found

    async def wait(self, for_ms: int) -> None:
        """Lets time pass; what falls due is done in its time, in its order."""
        until = self.now_ms + for_ms
        while dues := [(row.due_ms, key) for key, row in self.table.rows.items() if 0 < row.due_ms <= until]:
            due_ms, key = min(dues)
            self.now_ms = max(self.now_ms, due_ms)
            effects = self.escalate.on_due(key, self.table.rows[key], self.now_ms)
            check(effects)
            await self._run(self.table.apply(effects).outputs)
        self.now_ms = until

    async def _run(self, outputs: list[Output]) -> None:
        waiting = deque(outputs)
        while waiting:
            output = waiting.popleft()
            self.sent.append(output)
            if self.lost(output):
                continue
            if output.topic == ALERTS:
                self.alerts[(output.key or b"").decode()] = CODEC.decode(output.value or b"")[1]
            elif output.topic == NOTICES:
                waiting += (await self.send(output)).outputs
            else:
                waiting += self.take(output).outputs

    def take(self, output: Output) -> Effects:
        """Escalate handles a record."""
        effects = self.escalate.handle([self._message(output)], self.table)
        check(effects)
        return self.table.apply(effects)

    async def send(self, output: Output) -> Effects:
        """Notify handles a record."""
        return self.notices.apply(await self.notify.handle_one(self._message(output), self.notices))

    def _message(self, output: Output) -> Message:
        record = Record(output.topic.name, 0, 0, self.now_ms, output.key, output.value, output.headers)
        return Message(record, *CODEC.decode(output.value or b""))


_TOPICS = {
    "incidents": INCIDENTS,
    "deadlines": DEADLINES,
    "tasks": TASKS,
    "actions": ACTIONS,
    "causes": CAUSES,
    "answers": ANSWERS,
}


def told(alert: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Event, channel and status of each notice of an alert."""
    return [(each["event"], each["channel"], each["status"]) for each in alert["notices"]]
