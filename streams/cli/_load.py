"""What a load has done: the figures of `exlify stress`, from what was sent and what came out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from streams.ground.spans import percentile

PERCENTS = (50, 95, 99)
BEHIND_S = 1.0  # so much of a second's events may wait at any moment before that counts as falling behind


@dataclass
class Load:
    """Events that were sent, by the instance that they start, and the first outcome of each."""

    sent: dict[str, int] = field(default_factory=dict)  # when, Unix milliseconds
    latencies: list[int] = field(default_factory=list)  # from there to the outcome on its topic
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    ended: dict[str, int] = field(default_factory=dict)
    faulty_from_ms: int | None = None  # systems failed from then on
    faulty_until_ms: int | None = None
    behind: dict[str, int] = field(default_factory=dict)  # records that a processor had yet to read, at most
    repeated: int = 0  # outcomes that stand on the topic once more; subscribers drop them

    def took(self, outcome: Mapping[str, Any], at_ms: int) -> None:
        """An outcome stands on its topic; those of others are passed over."""
        instance = outcome["instance_id"]
        if instance not in self.sent:
            return
        if instance in self.ended:
            self.repeated += 1
            return
        self.ended[instance] = at_ms
        self.latencies.append(max(0, at_ms - self.sent[instance]))
        self.statuses[outcome["status"]] += 1
        if outcome["error"] is not None:
            self.reasons[outcome["error"]["reason"] or outcome["error"]["title"]] += 1

    @property
    def open(self) -> int:
        """How many have no outcome yet."""
        return len(self.sent) - len(self.ended)

    def recovery(self) -> dict[str, Any] | None:
        """What faults have done: how many were open before and at their end, and how long it took until no more were
        than before; None of that if there were still more at the last outcome. None where there were no faults.
        """
        if self.faulty_from_ms is None or self.faulty_until_ms is None:
            return None
        known, end_ms = self._open(), self.faulty_until_ms
        before = max((open_ for at_ms, open_ in known if at_ms < self.faulty_from_ms), default=0)
        at_end = next((open_ for at_ms, open_ in reversed(known) if at_ms <= end_ms), 0)
        later = (at_ms for at_ms, open_ in known if at_ms > end_ms and open_ <= before)
        back_ms = end_ms if at_end <= before else next(later, None)
        return {
            "faults_ms": end_ms - self.faulty_from_ms,
            "open_before": before,
            "open_at_end": at_end,
            "back_after_ms": None if back_ms is None else back_ms - end_ms,
        }

    def limits(self) -> dict[str, int]:
        """What it came to: most outcomes within a second, and most instances open at once."""
        seconds = Counter(at_ms // 1_000 for at_ms in self.ended.values())
        return {
            "most_a_second": max(seconds.values(), default=0),
            "most_open": max((open_ for _, open_ in self._open()), default=0),
        }

    def _open(self) -> list[tuple[int, int]]:
        """How many were open from each moment on at which that changed."""
        changes = Counter(self.sent.values())
        changes.subtract(Counter(self.ended.values()))
        return list(zip(sorted(changes), accumulate(changes[at_ms] for at_ms in sorted(changes)), strict=True))

    def report(self, rate: float, seconds: float) -> dict[str, Any]:
        """The figures; `seconds` is how long the sending took."""
        begun, last_sent = min(self.sent.values(), default=0), max(self.sent.values(), default=0)
        whole_s = max(1, max(self.ended.values(), default=begun) - begun) / 1_000
        waiting = len(self.sent) - sum(at <= last_sent for at in self.ended.values())
        return {
            "sent": len(self.sent),
            "ended": len(self.ended),
            "open": self.open,
            "repeated": self.repeated,
            "statuses": dict(self.statuses),
            "reasons": dict(self.reasons.most_common()),
            "rate_wanted": rate,
            "rate_sent": round(len(self.sent) / seconds, 2) if seconds else None,
            "throughput": round(len(self.ended) / whole_s, 2),
            "latency_ms": {f"p{percent}": percentile(self.latencies, percent) for percent in PERCENTS}
            | {"max": max(self.latencies, default=None)},
            "open_when_sent": waiting,
            "limits": self.limits(),
            "behind": dict(sorted(self.behind.items(), key=lambda each: -each[1])),
            "recovery": self.recovery(),
            "kept_up": waiting <= max(1.0, rate * BEHIND_S) + rate * (percentile(self.latencies, 50) or 0) / 1_000
            and len(self.sent) >= 0.95 * rate * seconds,
        }
