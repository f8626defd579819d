"""What may become the cause of an alert, told from the messages that say so. Pure.

A cause begins (since when, what is told of it) or ends; whether it lasts longer than its limit, the watch says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas import ids
from schemas.messages import (
    HUMAN_TASK,
    INCIDENT,
    INSTANCE_DEADLINE,
    LETTER,
    MODEL_STATE,
    SYSTEM_REPORT,
    WATCHDOG_REPORT,
)
from streams.processors.call import CLOSED as WELL
from streams.processors.escalate import plan
from streams.processors.human.fields import OPEN as OPEN_TASK
from streams.processors.human.rules import REMIND
from streams.processors.letters.letter import PARKED, UNDECIDED

if TYPE_CHECKING:
    from streams.ground.calendars import Calendars

HEARD_MS = (
    60_000  # who has not told again for so long what is told again (`plan.TOLD_AGAIN`) has stopped, or forgotten it
)


class Cause(NamedTuple):
    """What is wrong; the place makes the alert, the name the cause."""

    kind: str
    place: tuple[str, ...]
    name: str
    since_ms: int
    title: str
    detail: str | None = None
    workflow: str | None = None
    owner: str | None = None
    instance_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """Those of the message AlertCause, `raised` apart."""
        return {
            "alert_id": ids.alert_id(self.kind, *self.place), "cause_id": f"{self.kind}/{self.name}",
            "kind": self.kind, "title": self.title, "detail": self.detail, "workflow": self.workflow,
            "owner": self.owner, "instance_id": self.instance_id, "since_ms": self.since_ms,
        }  # fmt: skip


class Seen(NamedTuple):
    """What a message says of a cause. `by`: who says it, where several may; it ends once none of them says it.

    `order` tells a later word from a copy of an earlier one, where the same cause may end and be so again.
    """

    cause: Cause
    is_so: bool
    by: str = ""
    order: int = 0


def seen(name: str, data: Mapping[str, Any], calendars: Calendars) -> Iterable[Seen]:
    """What a message says; nothing where it is about no cause."""
    read = _READ.get(name)
    return () if read is None else read(data, calendars)


def takes(name: str) -> bool:
    """Whether messages of this name may say something."""
    return name in _READ


def place_name(processor: str, topic: str, number: int) -> str:
    """What a watchdog calls a partition on which a processor stands."""
    return f"{processor}/{topic}/{number}"


def place_of(name: str) -> tuple[str, str, str]:
    """Processor, topic and partition of such a name."""
    processor, _, place = name.partition("/")
    topic, _, number = place.rpartition("/")
    return processor, topic, number


def undelivered(channel: str, reason: str, at_ms: int) -> Cause:
    """A channel on which notices do not arrive."""
    title = f"Notices on the channel {channel} do not arrive"
    return Cause(plan.DELIVERY, (channel,), channel, at_ms, title, reason)


def _incident(data: Mapping[str, Any], calendars: Calendars) -> Iterable[Seen]:
    reason = data["reason"] or data["error"]["title"] or "no reason is known"
    cause = Cause(
        plan.INCIDENT,
        (data["workflow"], data["pointer"], reason),
        data["incident_id"],
        data["opened_at_ms"],
        f"{data['workflow']} waits at {data['pointer']} for a decision: {reason}",
        data["business_key"] and f"of {data['business_key']}, among others",
        data["workflow"],
        data["owner"],
        data["instance_id"],
    )
    yield Seen(cause, data["status"] == "open")


def _deadline(data: Mapping[str, Any], calendars: Calendars) -> Iterable[Seen]:
    begun, within, known = data["started_at_ms"], data["within_ms"], calendars.get(data["calendar"] or "")
    cause = Cause(
        plan.DEADLINE,
        (data["workflow"],),
        data["instance_id"],
        begun + within if known is None else known.after(begun, within),
        f"{data['workflow']} has not ended by its deadline",
        data["business_key"] and f"of {data['business_key']}, among others",
        data["workflow"],
        data["owner"],
        data["instance_id"],
    )
    yield Seen(cause, not data["over"])


def _task(data: Mapping[str, Any], calendars: Calendars) -> Iterable[Seen]:
    yield from _reminders(data)
    if data["due_ms"] is None:
        return
    cause = Cause(
        plan.TASK,
        (data["workflow"], data["pointer"], data["team"]),
        data["task_id"],
        data["due_ms"],
        f"{data['team']} is late: {data['title']}",
        data["business_key"] and f"of {data['business_key']}, among others",
        data["workflow"],
        data["team"],
        data["instance_id"],
    )
    yield Seen(cause, data["status"] == OPEN_TASK, order=data["version"])  # its answer may be taken back


def _reminders(data: Mapping[str, Any]) -> Iterable[Seen]:
    """Each rung of a ladder that reminds is an alert of its own, until the task gets on: so the next is told, too."""
    climbed = data["rung"]
    for number, rung in enumerate(data["ladder"][:climbed]):
        if rung["team"]:
            continue
        acts = (each["at_ms"] for each in data["acts"] if each["action_id"] == f"{REMIND}/{number}")
        cause = Cause(
            plan.REMINDER,
            (data["workflow"], data["pointer"], data["team"], str(number)),
            f"{data['task_id']}/{number}",
            next(acts, data["created_at_ms"]),
            f"{data['team']} is reminded: {data['title']}",
            data["business_key"] and f"of {data['business_key']}, among others",
            data["workflow"],
            data["team"],
            data["instance_id"],
        )
        is_so = data["status"] == OPEN_TASK and number == climbed - 1
        yield Seen(cause, is_so, order=2 * data["version"] + (number < climbed - 1))


def _letter(data: Mapping[str, Any], calendars: Calendars) -> Iterable[Seen]:
    if data["kind"] != PARKED:  # the step of a dead letter waits as an incident
        return
    title = f"Records of {data['topic']} went aside, as {data['processor']} could not use them"
    place = (data["processor"], data["topic"])
    yield Seen(Cause(plan.LETTER, place, data["letter_id"], data["at_ms"], title), data["status"] in UNDECIDED)


def _model(data: Mapping[str, Any], calendars: Calendars) -> Iterable[Seen]:
    newest = data["changes"][-1]
    title = f"The model {data['name']} is suspended: people decide its cases"
    cause = Cause(plan.MODEL, (data["name"],), data["name"], newest["from_ms"], title, newest["why"])
    yield Seen(cause, newest["state"] == "suspended")


def _system(data: Mapping[str, Any], calendars: Calendars) -> Iterable[Seen]:
    name = data["connection"]
    title = f"{name} is not called, as it has failed repeatedly"
    cause = Cause(plan.BREAKER, (name,), name, data["at_ms"], title, data["last_reason"])
    yield Seen(cause, data["breaker"] != WELL, data["worker"])


def _watchdog(data: Mapping[str, Any], calendars: Calendars) -> Iterable[Seen]:
    kind, name, since_ms = data["kind"], data["name"], data["since_ms"]
    if kind == plan.UNHOSTED:
        cause = Cause(kind, (name,), name, since_ms, f"Nobody hosts {name}: what comes for it waits")
    elif kind == plan.IDLE:
        title, workflow = f"{data['workflow']} is at work and does not move", data["workflow"]
        detail = f"instance {name}, among others"
        cause = Cause(kind, (workflow,), name, since_ms, title, detail, workflow, instance_id=name)
    elif kind == plan.POSITION:
        processor, topic, number = place_of(name)
        title = f"{processor} has work on {topic} and does not get on"
        cause = Cause(kind, (processor, topic), name, since_ms, title, f"partition {number}, among others")
    else:  # of a later version
        return
    yield Seen(cause, data["is_so"], data["watcher"], data["at_ms"])


_READ: Mapping[str, Callable[[Mapping[str, Any], Calendars], Iterable[Seen]]] = {
    INCIDENT: _incident,
    INSTANCE_DEADLINE: _deadline,
    HUMAN_TASK: _task,
    LETTER: _letter,
    MODEL_STATE: _model,
    SYSTEM_REPORT: _system,
    WATCHDOG_REPORT: _watchdog,
}
