"""Messages about what is wrong in; causes, alerts and notices out.

Everything that comes again (a message about a cause, an action, the answer about a notice) finds in its row that it was
there. What is sent has the same id whenever it is sent, so a notice goes out once (`processors.notify`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import orjson

from schemas.messages import ALERT, ALERT_ACTION, ALERT_CAUSE, STEP_COMMAND, STEP_RESULT
from schemas.payload import Payload
from streams.ground import calendars
from streams.processors import escalate
from streams.processors.context import Context
from streams.processors.escalate import alert as alerts
from streams.processors.escalate import causes, plan, watch
from streams.processors.escalate.alert import Alert, Notice
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Row, StateView

FUNCTION = "notify"  # what metrics call the sending of a notice
_WATCH, _ALERT, _CAUSE = b"w/", b"a/", b"c/"


class Escalate(FastProcessor):
    """Watches, raises, tells."""

    declaration = escalate.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._plan = context.site.file(plan.FILE, plan.read_plan)
        self._calendars = context.site.file(calendars.FILE, calendars.read_calendars)

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """What becomes of each message."""
        effects = Effects([], {})
        rows = _Rows(state, effects.changes)
        for message in batch:
            data, at_ms = message.data, message.record.timestamp_ms
            if causes.takes(message.name):
                for seen in causes.seen(message.name, data, self._calendars.value):
                    self._watch(seen, at_ms, rows, effects)
            elif message.name == ALERT_CAUSE:
                self._cause(data, at_ms, rows, effects)
            elif message.name == ALERT_ACTION:
                self._action(data, at_ms, rows, effects)
            elif message.name == STEP_RESULT:
                self._answer(data, at_ms, rows, effects)
            elif message.record.value is not None:  # topics of states forget by records without one
                why = f"{message.name} is nothing to be told about"
                effects.outputs.append(parked(message.record, self.declaration.name, why))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Raises a cause that lasts too long, climbs a ladder, sends a notice again, forgets what is over."""
        effects = Effects([], {})
        if key.startswith(_WATCH):
            before = msgspec.msgpack.decode(row.value, type=watch.Watch)
            was_raised = before.raised
            after = watch.looked_at(before, self._plan.value, row.due_ms)
            self._keep_watch(key, before, after, was_raised, effects)
            return effects
        alert = msgspec.msgpack.decode(row.value, type=Alert)
        if alert.closed_at_ms is not None and alert.closed_at_ms + alerts.KEPT_MS <= row.due_ms:
            return Effects([Output(escalate.ALERTS, key.removeprefix(_ALERT), None)], {key: None})
        again = alerts.tried_again(alert, row.due_ms)
        more = alerts.climbed(alert, self._plan.value, self._calendars.value, row.due_ms)
        self._tell(alert, [*again, *more], effects)
        self._keep(alert, row.due_ms, effects)
        return effects

    def _watch(self, seen: causes.Seen, at_ms: int, rows: _Rows, effects: Effects) -> None:
        key = _WATCH + seen.cause.fields()["cause_id"].encode()
        before = rows.get(key, watch.Watch)
        was_raised = before is not None and before.raised and not before.over_ms
        after = watch.noted(before, seen, self._plan.value, at_ms)
        if after is not None:
            self._keep_watch(key, after, after, was_raised, effects)

    def _keep_watch(
        self, key: bytes, before: watch.Watch, after: watch.Watch | None, was_raised: bool, effects: Effects
    ) -> None:
        if after is None:
            effects.changes[key] = None
            return
        is_raised = after.raised and not after.over_ms
        if is_raised != was_raised:
            self._say(before.cause, is_raised, effects)
        effects.changes[key] = Row(msgspec.msgpack.encode(after), after.due_ms)

    def _say(self, cause: Mapping[str, Any], raised: bool, effects: Effects) -> None:
        value = self._codec.encode(ALERT_CAUSE, {**cause, "raised": raised})
        effects.outputs.append(Output(escalate.CAUSES, cause["alert_id"].encode(), value))

    def _cause(self, data: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects) -> None:
        """A cause is raised, or has ended; its row says whether it counts already."""
        alert_id = data["alert_id"].encode()
        key = _CAUSE + alert_id + b"/" + data["cause_id"].encode()
        counts, alert = rows.has(key), rows.get(_ALERT + alert_id, Alert)
        if data["raised"] == counts:
            return
        if data["raised"]:
            was_open = alert is not None and alert.status == alerts.OPEN
            alert = alerts.raised(alert, data, self._plan.value, self._calendars.value, at_ms)
            effects.changes[key] = Row(b"")
            if not was_open:
                effects.counts.append(escalate.CHANGES.labels(alert.kind, "opened").inc)
            told = alerts.climbed(alert, self._plan.value, self._calendars.value, at_ms)
        else:
            effects.changes[key] = None
            if alert is None:
                return
            told = alerts.ended(alert, self._plan.value, at_ms)
            if alert.status == alerts.CLOSED:
                effects.counts.append(escalate.CHANGES.labels(alert.kind, "closed").inc)
        self._tell(alert, told, effects)
        self._keep(alert, at_ms, effects)

    def _action(self, data: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects) -> None:
        alert = rows.get(_ALERT + data["alert_id"].encode(), Alert)
        if alert is None or alert.action_id == data["action_id"]:
            return  # one that is long forgotten, or a copy
        alerts.acted(alert, data, at_ms)
        if alert.refused is None:
            change = "acknowledged" if data["action"] == alerts.ACK else "silenced"
            effects.counts.append(escalate.CHANGES.labels(alert.kind, change).inc)
        self._keep(alert, at_ms, effects)

    def _answer(self, data: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects) -> None:
        """What became of a notice. A channel that does not deliver is an alert of its own, until one arrives."""
        alert = rows.get(_ALERT + data["instance_id"].encode(), Alert)
        reference = None if data["output"] is None else data["output"].value().get("reference")
        notice = alerts.answered(alert, data, self._plan.value, reference, at_ms) if alert else None
        if alert is None or notice is None:
            return
        if notice.status == alerts.TOLD:
            self._say(causes.undelivered(notice.channel, "", at_ms).fields(), False, effects)
        elif notice.reason is not None:
            effects.counts.append(partial(_count_undelivered, notice.channel, notice.reason))
            if alerts.complains(notice):
                self._say(causes.undelivered(notice.channel, notice.reason, at_ms).fields(), True, effects)
        self._keep(alert, at_ms, effects)

    def _tell(self, alert: Alert, notices: Sequence[Notice], effects: Effects) -> None:
        """Commands the sending of notices; a try that is commanded twice is made once."""
        said = {name: getattr(alert, name) for name in _SAID}
        for each in notices:
            told = {**said, "channel": each.channel, "event": each.event, "reference": each.reference}
            told["at_ms"] = alert.closed_at_ms or alert.opened_at_ms
            command = {
                "instance_id": alert.alert_id, "pointer": f"/{each.channel}", "iteration": each.number,
                "attempt": each.tries, "function": FUNCTION, "arguments": Payload.inside(orjson.dumps(told)),
                "key": f"{alert.alert_id}/{each.number}", "workflow": alert.workflow or "", "version": "",
                "digest": "",
            }  # fmt: skip
            value = self._codec.encode(STEP_COMMAND, command)
            effects.outputs.append(Output(escalate.NOTICES, alert.alert_id.encode(), value))

    def _keep(self, alert: Alert, at_ms: int, effects: Effects) -> None:
        alert.seq += 1
        alert.changed_at_ms = at_ms
        effects.changes[_ALERT + alert.alert_id.encode()] = Row(msgspec.msgpack.encode(alert), alert.due_ms())
        value = self._codec.encode(ALERT, alert.fields())
        effects.outputs.append(Output(escalate.ALERTS, alert.alert_id.encode(), value))


_SAID = (
    "alert_id", "kind", "severity", "title", "detail", "workflow", "owner", "instance_id", "count", "total", "since_ms",
    "opened_at_ms",
)  # fmt: skip


class _Rows:
    """The rows as the batch has changed them so far."""

    def __init__(self, below: StateView, changes: dict[bytes, Row | None]) -> None:
        self._below = below
        self._changes = changes

    def has(self, key: bytes) -> bool:
        return self._row(key) is not None

    def get(self, key: bytes, kind: type[Any]) -> Any:
        row = self._row(key)
        return None if row is None else msgspec.msgpack.decode(row.value, type=kind)

    def _row(self, key: bytes) -> Row | None:
        return self._changes[key] if key in self._changes else self._below.get(key)


def _count_undelivered(channel: str, reason: str) -> None:
    escalate.UNDELIVERED.labels(channel, reason).inc()
