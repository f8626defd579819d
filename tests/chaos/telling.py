"""Who has been told of what: evidence of topics and of the channels' own ledger, and what must be true of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.codec import Codec
from schemas.messages import ALERT, ALERT_CAUSE, INCIDENT, INSTANCE_DEADLINE
from streams.processors.escalate import ALERTS, CAUSES
from streams.processors.escalate.alert import CLOSED, DOUBT, OPEN
from streams.processors.escalate.channels import CLOSED as TELLS_END
from streams.processors.orchestrate import DEADLINES, INCIDENTS
from tests.acceptance.site import Site
from tests.chaos.peers import TOLD

LIMIT_MS = 3_000  # of an incident, then people are to be told
# The window is longer than any run, also by a clock that jumps an hour: nothing is to be told twice at all.
CHANNELS = f"""
channels:
  team: {{{{webhook: '{{team}}', effect: keyed}}}}
  boss: {{{{webhook: '{{boss}}', effect: keyed}}}}
ladders:
  usual: [{{{{tell: [team]}}}}, {{{{after: 1s, tell: [boss]}}}}]
rules:
  - {{{{cause: incident, older: {LIMIT_MS}ms}}}}
  - {{{{cause: breaker, older: 1s}}}}
  - {{{{cause: unhosted, older: never}}}}
window: 12h
"""


@dataclass
class Span:
    """Something that is to be told of once it lasts beyond its limit."""

    limit_ms: int
    end_ms: int | None = None


@dataclass
class Tidings:
    """All there is to see."""

    spans: dict[str, Span] = field(default_factory=dict)  # by the id of the cause
    raised: dict[str, tuple[str, int]] = field(default_factory=dict)  # alert and time of the first word, by cause
    over: set[str] = field(default_factory=set)  # causes of which the last word is that they have ended
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)  # in their newest state
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def open(self) -> list[str]:
        """Alerts that have not ended."""
        return [f"{each['kind']}: {each['title']}" for each in self.alerts.values() if each["status"] == OPEN]

    def untold(self) -> Iterator[str]:
        """What lasts beyond its limit, and nobody was told; what a wrong clock has begun in the future is within it."""
        now_ms = time.time_ns() // 1_000_000
        known = {line["alert"] for line in self.told}
        for cause, span in self.spans.items():
            told = cause in self.raised and self.raised[cause][0] in known
            if span.end_ms is None and span.limit_ms <= now_ms and not told:
                yield cause


def read(site: Site, folder: Path) -> Tidings:
    """Everything so far, from topics and from what the channels have written down."""
    found, codec = Tidings(), Codec.offline()
    for record in (*site.read(INCIDENTS), *site.read(DEADLINES), *site.read(CAUSES), *site.read(ALERTS)):
        if record.value is not None:
            name, data = codec.decode(record.value)
            _READ[name](found, data, record.timestamp_ms)
    file = folder / TOLD
    found.told = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return found


def _incident(found: Tidings, data: Mapping[str, Any], at_ms: int) -> None:
    span = found.spans.setdefault(f"incident/{data['incident_id']}", Span(data["opened_at_ms"] + LIMIT_MS))
    if data["status"] != "open":
        span.end_ms = at_ms


def _deadline(found: Tidings, data: Mapping[str, Any], at_ms: int) -> None:
    limit_ms = data["started_at_ms"] + data["within_ms"]
    span = found.spans.setdefault(f"deadline/{data['instance_id']}", Span(limit_ms))
    if data["over"]:
        span.end_ms = at_ms


def _cause(found: Tidings, data: Mapping[str, Any], at_ms: int) -> None:
    if data["raised"]:
        found.raised.setdefault(data["cause_id"], (data["alert_id"], at_ms))
        found.over.discard(data["cause_id"])
    else:
        found.over.add(data["cause_id"])


def _alert(found: Tidings, data: Mapping[str, Any], at_ms: int) -> None:
    before = found.alerts.get(data["alert_id"])
    if before is None or data["seq"] >= before["seq"]:
        found.alerts[data["alert_id"]] = dict(data)


_READ: Mapping[str, Callable[[Tidings, Mapping[str, Any], int], None]] = {
    INCIDENT: _incident,
    INSTANCE_DEADLINE: _deadline,
    ALERT_CAUSE: _cause,
    ALERT: _alert,
}


def of_causes(found: Tidings, slack_ms: int) -> Iterator[str]:
    """Nothing lasts beyond its limit by more than the slack and is told to nobody."""
    known = {line["alert"] for line in found.told}
    for cause, span in found.spans.items():
        if span.end_ms is None:
            yield f"{cause}: has not ended"
        elif span.end_ms - span.limit_ms > slack_ms and cause not in found.raised:
            yield f"{cause}: {span.end_ms - span.limit_ms} ms beyond its limit, and no alert"
    for cause, (alert, _) in found.raised.items():
        if alert not in known and not _silent(found, alert):
            yield f"{cause}: nobody was told"


def _silent(found: Tidings, alert: str) -> bool:
    """Whether an alert has ended before anybody could be told: the channel was away for all of its life."""
    row = found.alerts.get(alert)
    return row is not None and row["status"] == CLOSED


def of_notices(told: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Nobody is told of the same twice within the window, which is longer than the run.

    That something has ended, somebody may be told who did not know of it: of that, a notice was on its way.
    """
    events: Counter[tuple[str, str, str]] = Counter()
    seen: set[tuple[str, str]] = set()
    for line in told:
        if (line["channel"], line["key"]) in seen:
            continue  # the same request again, which the channel takes for one
        seen.add((line["channel"], line["key"]))
        events[line["channel"], line["alert"], line["event"]] += 1
    for (channel, alert, event), count in events.items():
        if event != TELLS_END and count > 1:
            yield f"{channel} was told {count} times of {alert} ({event})"


def of_ends(found: Tidings) -> Iterator[str]:
    """Every alert has ended with its causes, and who was told of it knows that."""
    last = {(line["channel"], line["alert"]): line["event"] for line in found.told}
    for cause in found.raised.keys() - found.over:
        yield f"{cause}: the cause has not ended"
    for alert, row in found.alerts.items():
        if row["status"] != CLOSED or row["count"]:
            yield f"{alert}: {row['status']} with {row['count']} causes ({row['title']})"
        doubts = {each["channel"] for each in row["notices"] if each["status"] == DOUBT}
        for channel in ("team", "boss"):
            if last.get((channel, alert), TELLS_END) != TELLS_END and channel not in doubts:
                yield f"{alert}: {channel} was not told that it has ended ({row['title']})"
