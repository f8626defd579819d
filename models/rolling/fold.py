"""The fold of rolling features: events and truths of one key in, in any order, and what windows hold at a time.

Time is cut into hours and days (UTC). The window of a day is 24 whole hours, those of a week and of a month are whole
days, each with the one that is asked for; an event counts in its hour and its day from when it has come. So what is
kept of a key is some 270 small numbers however busy it is, and once all events are there, the order in which they came
makes no difference. Amounts are whole (`UNITS` to one), so that sums are exact in any order.

A truth is counted at the day of its event, from the day on which it was known: what is told of a time knows nothing
that came to be known on a later day.

Events that are more than `LATE_DAYS` old when they come are no more counted, nor is anything told of their time.
Whoever keeps a `State` tells it the time, and sees to it that an event is counted once.
"""

from __future__ import annotations

from typing import Final

import msgspec

from models.rolling.names import DAY, DELAY_DAYS, MONTH, WEEK

HOUR_MS: Final = 3_600_000
DAY_HOURS: Final = 24
DAY_MS: Final = DAY_HOURS * HOUR_MS
LATE_DAYS: Final = 2
AHEAD_HOURS: Final = 1  # that clocks may be ahead
KEPT_HOURS: Final = AHEAD_HOURS + (LATE_DAYS + 1 + DAY) * DAY_HOURS - 1
KEPT_DAYS: Final = 1 + LATE_DAYS + MONTH + DELAY_DAYS
UNITS: Final = 100  # of an amount: cents
MOST_AMOUNT: Final = 1e12


class State(msgspec.Struct, array_like=True):
    """What is kept of one key: events, their amounts in units, and bad ones, the newest hour and day first; and since
    which day how many of a day were known to be bad, for times that lie before."""

    now_ms: int = -1  # the latest time that was told
    hour: int = -1  # the newest
    hours: list[int] = []
    hour_sums: list[int] = []
    day: int = -1
    days: list[int] = []
    day_sums: list[int] = []
    bads: list[int] = []
    bad: dict[int, dict[int, int]] = {}
    known: int = 0  # the latest day on which one was known


def units(amount: float) -> int:
    """An amount as it is counted. Raises ValueError for one that is none."""
    if not -MOST_AMOUNT <= amount <= MOST_AMOUNT:  # nor NaN
        raise ValueError(f"is no amount up to {MOST_AMOUNT:.0e}")
    return round(amount * UNITS)


def in_time(at_ms: int, now_ms: int) -> bool:
    """Whether an event of a time may be counted, and its time be told of."""
    return at_ms // HOUR_MS <= now_ms // HOUR_MS + AHEAD_HOURS and now_ms // DAY_MS - at_ms // DAY_MS <= LATE_DAYS


def hour_and_weekday(at_ms: int) -> tuple[int, int]:
    """In UTC; Monday is 0."""
    return at_ms // HOUR_MS % DAY_HOURS, (at_ms // DAY_MS + 3) % WEEK


def count(state: State, at_ms: int, amount: int) -> None:
    """Counts an event, with its amount in units, that is in time."""
    hour, day = state.hour - at_ms // HOUR_MS, state.day - at_ms // DAY_MS
    state.hours[hour] += 1
    state.hour_sums[hour] += amount
    state.days[day] += 1
    state.day_sums[day] += amount


def mark(state: State, at_ms: int, known_ms: int) -> bool:
    """Counts that an event of a time was bad; False where that is of no window any more."""
    day, known = at_ms // DAY_MS, known_ms // DAY_MS
    place = state.day - day
    if not 0 <= place < len(state.bads):
        return False
    state.bads[place] += 1
    since = state.bad.setdefault(day, {})
    since[known] = since.get(known, 0) + 1
    state.known = max(state.known, known)
    return True


def advance(state: State, now_ms: int) -> None:
    """Tells it the time, which never goes back, and drops what no window reaches that may still be asked for."""
    if now_ms <= state.now_ms:
        return
    state.now_ms = now_ms
    hour, day = now_ms // HOUR_MS + AHEAD_HOURS, (now_ms + AHEAD_HOURS * HOUR_MS) // DAY_MS
    if hour > state.hour:
        by, state.hour = hour - state.hour, hour
        state.hours = _moved(state.hours, by, KEPT_HOURS)
        state.hour_sums = _moved(state.hour_sums, by, KEPT_HOURS)
    if day > state.day:
        by, state.day = day - state.day, day
        state.days = _moved(state.days, by, KEPT_DAYS)
        state.day_sums = _moved(state.day_sums, by, KEPT_DAYS)
        state.bads = _moved(state.bads, by, KEPT_DAYS)
        for old in [each for each in state.bad if each <= day - KEPT_DAYS]:
            del state.bad[old]


def told(state: State, at_ms: int, amount: int) -> list[float]:
    """What is told of a time, and of an event with this amount then, in the order of `names.TOLD`."""
    hour, today = state.hour - at_ms // HOUR_MS, at_ms // DAY_MS
    first, before = state.day - today, state.day - today + DELAY_DAYS
    day = sum(state.hours[hour : hour + DAY_HOURS])
    week, month = sum(state.days[first : first + WEEK]), sum(state.days[first : first + MONTH])
    month_sum = sum(state.day_sums[first : first + MONTH])
    found = [
        float(day), _mean(sum(state.hour_sums[hour : hour + DAY_HOURS]), day),
        float(week), _mean(sum(state.day_sums[first : first + WEEK]), week),
        float(month), _mean(month_sum, month),
    ]  # fmt: skip
    if state.bad:
        bads = state.bads if state.known <= today else _known(state, today)
        found += (
            _share(sum(bads[first : first + WEEK]), week),
            _share(sum(bads[before : before + WEEK]), sum(state.days[before : before + WEEK])),
            _share(sum(bads[first : first + MONTH]), month),
            _share(sum(bads[before : before + MONTH]), sum(state.days[before : before + MONTH])),
        )
    else:
        found += (0.0, 0.0, 0.0, 0.0)
    found.append(amount * month / month_sum if month_sum > 0 else 1.0)
    return found


def _moved(values: list[int], by: int, count: int) -> list[int]:
    return ([0] * min(by, count) + values)[:count]


def _known(state: State, today: int) -> list[int]:
    """The bad ones of each day that were known on a day."""
    since = (state.bad.get(state.day - place, {}) for place in range(KEPT_DAYS))
    return [sum(bad for known, bad in each.items() if known <= today) for each in since]


def _share(bad: int, events: int) -> float:
    return min(1.0, bad / events) if events else 0.0


def _mean(total: int, events: int) -> float:
    return total / events / UNITS if events else 0.0
