"""When a workflow starts by itself: `schedule.every`, `cron` and `after`.

Times of `cron` are those of a time zone. Where summer time begins, what was to be in the hour that is not there is at
its end; where it ends, what names an hour is once, in the first of the two, and what is every hour, or more often, goes
by the clock on the wall and so is in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

UTC_ZONE = "UTC"
ONCE, ALL, SKIP = "once", "all", "skip"
MISFIRES = (ONCE, ALL, SKIP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a workflow starts by itself: one of `every_ms`, `cron` and `after_ms` is given.

    `misfire` is what becomes of times that passed while nobody was there to start anything: one start for all of them,
    a start for each, or none. Who starts it leaves out the times that are no working time of `calendar`.
    """

    every_ms: int = 0
    cron: str = ""
    after_ms: int | None = None  # behind the end of the run before
    zone: str = UTC_ZONE
    misfire: str = ONCE
    calendar: str = ""  # of the site; empty: all time

    def next_ms(self, after_ms: int, anchor_ms: int) -> int | None:
        """The first time behind `after_ms`; `every` counts from the anchor. None for never, and for `after`."""
        if self.every_ms:
            return anchor_ms + ((after_ms - anchor_ms) // self.every_ms + 1) * self.every_ms
        if not self.cron:
            return None
        start = datetime.fromtimestamp(after_ms / 1_000, ZoneInfo(self.zone))
        at = next(CronSim(self.cron, start), None)
        return None if at is None else int(at.timestamp() * 1_000)
