"""An alert: how it opens, climbs its ladder, is taken on, and ends. Pure; `processor.py` makes it durable.

    cause ─▶ open ──rung by rung──▶ told ──the last cause ends──▶ closed ─▶ told, too, who was told before
               ├─ acknowledged: nobody else is told
               └─ silenced: nobody is told until then

Causes of one kind at one place make one alert, so a system that is away is one alert and not a thousand. An alert that
comes back within the window after it was told is open, and told when the window has passed: at most once in it. What
never arrived has told nobody, so it holds back nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.reasons import MEANINGS, Advice, Effect, Reason
from schemas.recovery import Policy
from streams.processors.escalate.channels import CLOSED as TELLS_END
from streams.processors.escalate.channels import ESCALATED, OPENED
from streams.processors.escalate.plan import Plan, Rule

if TYPE_CHECKING:
    from streams.ground.calendars import Calendars

OPEN, CLOSED = "open", "closed"
STATUSES = (OPEN, CLOSED)
SENT, WAITING, TOLD, DOUBT, DROPPED = "sent", "waiting", "told", "doubt", "dropped"
ACK, SILENCE = "ack", "silence"
ACTIONS = (ACK, SILENCE)
KEPT_MS = 7 * 86_400_000  # after its end
KEPT_NOTICES = 50
PACE = Policy(delay_ms=5_000, cap_ms=600_000)  # of a notice that does not arrive, until it does or nobody needs it
COMPLAINS_AFTER = 2  # tries, then the channel is an alert of its own
_HICCUPS = frozenset({Advice.BACKOFF, Advice.AFTER})


class Notice(msgspec.Struct):
    """A notice on one channel, and what became of it."""

    number: int
    channel: str
    event: str
    status: str
    at_ms: int
    tries: int = 0
    due_ms: int = 0
    reason: str | None = None
    reference: str | None = None


class Alert(msgspec.Struct, kw_only=True):
    """The row of an alert: the fields of the message of this name, and what only its owner needs."""

    alert_id: str
    kind: str
    title: str
    severity: str
    since_ms: int
    opened_at_ms: int
    changed_at_ms: int
    seq: int = 0
    status: str = OPEN
    detail: str | None = None
    workflow: str | None = None
    owner: str | None = None
    instance_id: str | None = None
    count: int = 0
    total: int = 0
    closed_at_ms: int | None = None
    rung: int = 0
    next_ms: int | None = None
    acknowledged_by: str | None = None
    acknowledged_at_ms: int | None = None
    silenced_until_ms: int | None = None
    actor: str | None = None
    why: str | None = None
    action_id: str | None = None
    refused: str | None = None
    notices: list[Notice] = []
    told_at_ms: int = 0  # the first rung, the last time
    told_from: int = 0  # the number of its first notice
    numbers: int = 0  # of notices given so far
    maybe: list[int] = []  # numbers of notices that may have arrived, whatever became of their later tries

    def due_ms(self) -> int:
        """When something is to be done about it, or it can be forgotten; 0 for never."""
        dues = [each.due_ms for each in self.notices if each.due_ms]
        if self.next_ms is not None:
            dues.append(self.next_ms)
        if self.closed_at_ms is not None:
            dues.append(self.closed_at_ms + KEPT_MS)
        return min(dues, default=0)

    def fields(self) -> dict[str, Any]:
        """Those of the message."""
        found = msgspec.to_builtins(self)
        del found["told_at_ms"], found["told_from"], found["numbers"], found["maybe"]
        return dict(found)


def raised(alert: Alert | None, cause: Mapping[str, Any], plan: Plan, calendars: Calendars, at_ms: int) -> Alert:
    """The alert with one cause more: opened where it was not, and not told twice within the window."""
    given = {name: cause[name] for name in ("kind", "title", "detail", "workflow", "owner", "instance_id")}
    rule = plan.rule(cause["kind"], cause["workflow"], cause["owner"])
    if alert is None or alert.status == CLOSED:
        before = alert
        alert = Alert(
            **given,
            alert_id=cause["alert_id"],
            severity=rule.severity,
            since_ms=cause["since_ms"],
            opened_at_ms=at_ms,
            changed_at_ms=at_ms,
        )
        if before is not None:
            alert.seq, alert.numbers = before.seq, before.numbers
            if _may_be_known(before):
                alert.told_at_ms, alert.told_from = before.told_at_ms, before.told_from
            alert.silenced_until_ms, alert.notices = before.silenced_until_ms, before.notices
            alert.maybe = before.maybe
            _drop_waiting(alert, at_ms)  # that it has ended: it has not
        if rule.ladder:
            first_ms = rule.ladder[0].due_ms(at_ms, calendars)
            not_before = alert.told_at_ms + plan.window_ms if alert.told_at_ms else 0
            alert.next_ms = max(first_ms, not_before)
    alert.count += 1
    alert.total += 1
    alert.since_ms = min(alert.since_ms, cause["since_ms"])
    alert.detail, alert.instance_id = cause["detail"], cause["instance_id"]
    return alert


def ended(alert: Alert, plan: Plan, at_ms: int) -> list[Notice]:
    """One of its causes is gone; with the last it ends, and who was told of it is told that."""
    alert.count -= 1
    if alert.count > 0 or alert.status == CLOSED:
        return []
    alert.status, alert.closed_at_ms, alert.next_ms, alert.count = CLOSED, at_ms, None, 0
    alert.acknowledged_by = alert.acknowledged_at_ms = None
    _drop_waiting(alert, at_ms)
    knows: dict[str, str | None] = {}
    for each in alert.notices:
        if each.event == TELLS_END:
            if each.status != DROPPED:
                knows.pop(each.channel, None)
        elif _may_have_arrived(alert, each):
            knows[each.channel] = each.reference or knows.get(each.channel)
    wanted = [(name, reference) for name, reference in knows.items() if _tells_end(plan, name)]
    return [_notice(alert, name, TELLS_END, at_ms, reference) for name, reference in wanted]


def climbed(alert: Alert, plan: Plan, calendars: Calendars, now_ms: int) -> list[Notice]:
    """The notices of all rungs whose time has come, each once; the ladder waits while the alert is silenced."""
    found: list[Notice] = []
    while alert.next_ms is not None and alert.next_ms <= now_ms:
        at_ms = alert.next_ms
        if (alert.silenced_until_ms or 0) > at_ms:
            alert.next_ms = alert.silenced_until_ms
            continue
        ladder = _rule(alert, plan).ladder
        if alert.rung >= len(ladder):
            alert.next_ms = None
            break
        event = ESCALATED if alert.rung else OPENED
        if alert.rung == 0:
            alert.told_at_ms, alert.told_from = at_ms, alert.numbers + 1
        found += [_notice(alert, name, event, at_ms, None) for name in ladder[alert.rung].tell]
        alert.rung += 1
        more = alert.rung < len(ladder)
        alert.next_ms = ladder[alert.rung].due_ms(at_ms, calendars) if more else None
    return found


def tried_again(alert: Alert, now_ms: int) -> list[Notice]:
    """The notices whose next try begins."""
    found = [each for each in alert.notices if 0 < each.due_ms <= now_ms]
    for each in found:
        each.status, each.at_ms, each.due_ms = SENT, each.due_ms, 0
        each.tries += 1
    return found


def answered(alert: Alert, result: Mapping[str, Any], plan: Plan, reference: str | None, at_ms: int) -> Notice | None:
    """The notice that a StepResult is about, with what became of it; None where it is about none that is waited for.

    One that may have arrived is sent again only where the channel takes it for the same.
    """
    number, tries = result["iteration"], result["attempt"]
    notice = next((each for each in alert.notices if each.number == number), None)
    if notice is None or notice.status != SENT or notice.tries != tries:
        return None
    error = result["error"]
    notice.at_ms = at_ms
    if error is None:
        notice.status, notice.reason, notice.reference = TOLD, None, reference or notice.reference
        return notice
    notice.reason = error["reason"] or Reason.PLATFORM_FAULT.value
    if error["effect"] == Effect.UNKNOWN and notice.number not in alert.maybe:
        alert.maybe = [*alert.maybe, notice.number]
    channel = plan.channels.get(notice.channel)
    if error["effect"] == Effect.UNKNOWN and not (channel is not None and channel.effect.repeatable):
        notice.status = DOUBT
    elif alert.status == CLOSED and notice.event != TELLS_END:
        notice.status = DROPPED
    else:
        notice.status = WAITING
        notice.due_ms = at_ms + PACE.pause_ms(f"{alert.alert_id}/{notice.number}", notice.tries + 1, None)
    return notice


def complains(notice: Notice) -> bool:
    """Whether a notice that has not arrived makes its channel an alert of its own: what a moment mends does not."""
    if notice.status not in (WAITING, DOUBT):
        return False
    meaning = MEANINGS.get(notice.reason)  # type: ignore[call-overload]  # the text of one is one
    hiccup = meaning is not None and meaning.advice in _HICCUPS and notice.status == WAITING
    return notice.tries >= COMPLAINS_AFTER or not hiccup


def acted(alert: Alert, action: Mapping[str, Any], at_ms: int) -> None:
    """Takes note of what somebody has decided, or why that is not possible."""
    alert.action_id, alert.refused = action["action_id"], _refusal(alert, action)
    if alert.refused is not None:
        return
    alert.actor, alert.why = action["actor"], action["why"]
    if action["action"] == ACK:
        alert.acknowledged_by, alert.acknowledged_at_ms, alert.next_ms = action["actor"], at_ms, None
        _drop_waiting(alert, at_ms)
        return
    until_ms = action["until_ms"]
    alert.silenced_until_ms = until_ms if until_ms is not None and until_ms > at_ms else None


def _refusal(alert: Alert, action: Mapping[str, Any]) -> str | None:
    if action["action"] not in ACTIONS:
        return f"nobody knows how to do that: the actions are {' and '.join(ACTIONS)}"
    if action["action"] == SILENCE:
        return None
    if alert.status == CLOSED:
        return "it has ended already"
    return f"{alert.acknowledged_by} has taken it on already" if alert.acknowledged_by else None


def _notice(alert: Alert, channel: str, event: str, at_ms: int, reference: str | None) -> Notice:
    """A new one, on its way."""
    alert.numbers += 1
    made = Notice(alert.numbers, channel, event, SENT, at_ms, reference=reference)
    alert.notices = [*alert.notices, made]
    _forget_old(alert)
    return made


def _may_be_known(alert: Alert) -> bool:
    """Whether a notice of the last time that it was told has arrived, or is on its way."""
    return any(
        each.number >= alert.told_from and each.event != TELLS_END and _may_have_arrived(alert, each)
        for each in alert.notices
    )


def _may_have_arrived(alert: Alert, notice: Notice) -> bool:
    return notice.status != DROPPED or notice.number in alert.maybe


def _drop_waiting(alert: Alert, at_ms: int) -> None:
    for each in alert.notices:
        if each.status == WAITING:
            each.status, each.due_ms, each.at_ms = DROPPED, 0, at_ms


def _forget_old(alert: Alert) -> None:
    """The oldest that are done; those on their way stay."""
    done = [each for each in alert.notices if each.status not in (SENT, WAITING)]
    gone = {id(each) for each in done[: max(0, len(alert.notices) - KEPT_NOTICES)]}
    alert.notices = [each for each in alert.notices if id(each) not in gone]
    kept = {each.number for each in alert.notices}
    alert.maybe = [number for number in alert.maybe if number in kept]


def _rule(alert: Alert, plan: Plan) -> Rule:
    return plan.rule(alert.kind, alert.workflow, alert.owner)


def _tells_end(plan: Plan, channel: str) -> bool:
    known = plan.channels.get(channel)
    return known is not None and known.closes
