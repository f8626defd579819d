"""Who is told of what, and when: `channels.yaml` of the site folder.

    channels:
      team: {webhook: 'https://chat.example.com/hooks/${env:CHAT}', body: {text: '{severity}: {title} ({count})'}}
      alerts: {alertmanager: 'http://alerts.example.com:9093'}
    ladders:
      usual:                        # of every alert of which no rule says another
        - tell: [team, alerts]
        - {after: 1h, calendar: office, tell: [boss]}      # working time, by calendars.yaml
    rules:                          # the first that fits counts
      - {cause: incident, workflow: order, older: 5m, severity: critical}
      - {cause: letter, older: never}
    window: 1h                      # what comes back sooner is not told a second time

Without the file there are alerts, and nobody is told. The channels themselves are read in `channels.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streams.processors.call.policies import duration_ms
from streams.processors.escalate.channels import Channel, read_channel

if TYPE_CHECKING:
    from streams.ground.calendars import Calendars
    from streams.ground.site_yaml import Part

FILE = "channels.yaml"
USUAL = "usual"
WARNING, CRITICAL = "warning", "critical"
SEVERITIES: Final = (WARNING, CRITICAL)
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
MOST_RUNGS = 20
MOST_CHANNELS = 8  # of one rung

INCIDENT, TASK, REMINDER, LETTER, MODEL, BREAKER, DEADLINE, DELIVERY, UNHOSTED, IDLE, POSITION = (
    "incident", "task", "reminder", "letter", "model", "breaker", "deadline", "delivery", "unhosted", "idle",
    "position",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usual:
    """What counts of a cause where no rule says anything."""

    older_ms: int
    severity: str


KINDS: Final[Mapping[str, Usual]] = {
    INCIDENT: Usual(15 * MINUTE_MS, WARNING),
    TASK: Usual(0, WARNING),
    REMINDER: Usual(0, WARNING),
    LETTER: Usual(15 * MINUTE_MS, WARNING),
    MODEL: Usual(0, CRITICAL),
    BREAKER: Usual(5 * MINUTE_MS, WARNING),
    DEADLINE: Usual(0, CRITICAL),
    DELIVERY: Usual(0, CRITICAL),
    UNHOSTED: Usual(2 * MINUTE_MS, CRITICAL),
    IDLE: Usual(HOUR_MS, WARNING),
    POSITION: Usual(10 * MINUTE_MS, CRITICAL),
}
"""Every kind of cause."""

TOLD_AGAIN: Final = frozenset({BREAKER, UNHOSTED, IDLE, POSITION})
"""Those that are told again and again while they are so, and over once nobody tells them."""


@dataclass(frozen=True, slots=True)
class Rung:
    """Whom to tell, so long after the rung before."""

    tell: tuple[str, ...]
    after_ms: int = 0
    calendar: str = ""  # counts working time of it; empty: all time

    def due_ms(self, at_ms: int, calendars: Calendars) -> int:
        """When it is told if the one before was told at this time; a calendar that is gone counts all time."""
        known = calendars.get(self.calendar)
        return at_ms + self.after_ms if known is None else known.after(at_ms, self.after_ms)


Ladder = tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts of some causes. `older_ms` None: they are no cause of an alert."""

    cause: str
    older_ms: int | None
    severity: str
    ladder: Ladder
    workflow: str | None = None
    owner: str | None = None

    def fits(self, kind: str, workflow: str | None, owner: str | None) -> bool:
        """Whether it is about such a cause."""
        return self.cause == kind and self.workflow in (None, workflow) and self.owner in (None, owner)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the file says."""

    channels: Mapping[str, Channel] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()  # the first that fits counts; there is one for every kind
    window_ms: int = HOUR_MS
    urls: Mapping[str, str] = field(default_factory=dict, repr=False)  # of the channels

    def rule(self, kind: str, workflow: str | None, owner: str | None) -> Rule:
        """The rule for a cause."""
        return next(each for each in self.rules if each.fits(kind, workflow, owner))


def read_plan(document: Part | None) -> Plan:
    """What `channels.yaml` says; faults with their place."""
    members = document.only("channels", "ladders", "rules", "window") if document else {}
    given = members["channels"].members() if "channels" in members else {}
    channels = {name: read_channel(name, part) for name, part in given.items()}
    named = members["ladders"].members() if "ladders" in members else {}
    ladders = {name: _ladder(part, channels) for name, part in named.items()}
    written = members["rules"].items() if "rules" in members else []
    usual = ladders.get(USUAL, ())
    rules = [_rule(part, ladders) for part in written]
    rules += [Rule(kind, each.older_ms, each.severity, usual) for kind, each in KINDS.items()]
    window_ms = duration_ms(members["window"]) if "window" in members else HOUR_MS
    return Plan(channels, tuple(rules), window_ms, {name: each.url for name, each in channels.items()})


def _ladder(part: Part, channels: Mapping[str, Channel]) -> Ladder:
    rungs = part.items()
    if not 1 <= len(rungs) <= MOST_RUNGS:
        part.fault("no ladder", f"write 1 to {MOST_RUNGS} items such as `- {{after: 1h, tell: [team]}}`")
    return tuple(_rung(each, channels) for each in rungs)


def _rung(part: Part, channels: Mapping[str, Channel]) -> Rung:
    members = part.only("after", "calendar", "tell")
    if "tell" not in members:
        part.fault("nobody to tell", "add `tell:` and a list of channels")
    told = members["tell"].items()
    if not 1 <= len(told) <= MOST_CHANNELS:
        members["tell"].fault("no list of channels", f"name 1 to {MOST_CHANNELS}")
    for each in told:
        if each.scalar() not in channels:
            each.fault("no channel of this file", f"write one of {', '.join(channels) or 'those that you declare'}")
    return Rung(
        tuple(dict.fromkeys(each.scalar() for each in told)),
        duration_ms(members["after"]) if "after" in members else 0,
        members["calendar"].written() if "calendar" in members else "",
    )


def _rule(part: Part, ladders: Mapping[str, Ladder]) -> Rule:
    members = part.only("cause", "workflow", "owner", "older", "severity", "ladder")
    if "cause" not in members:
        part.fault("no cause", f"add `cause:` and one of {', '.join(KINDS)}")
    cause = _choice(members["cause"], tuple(KINDS))
    usual = KINDS[cause]
    older_ms: int | None = usual.older_ms
    if "older" in members:
        older_ms = None if members["older"].scalar() == "never" else duration_ms(members["older"])
    ladder = members.get("ladder")
    if ladder is not None and ladder.scalar() not in ladders:
        ladder.fault("no ladder of this file", f"write one of {', '.join(ladders) or 'those that you declare'}")
    return Rule(
        cause,
        older_ms,
        _choice(members["severity"], SEVERITIES) if "severity" in members else usual.severity,
        ladders.get(USUAL, ()) if ladder is None else ladders[ladder.scalar()],
        members["workflow"].scalar() if "workflow" in members else None,
        members["owner"].scalar() if "owner" in members else None,
    )


def _choice(part: Part, choices: tuple[str, ...]) -> str:
    text = part.scalar()
    if text not in choices:
        part.fault("none of the choices", f"write one of {', '.join(choices)}")
    return text
