"""What a model of fraud reads of simulated payments: the payment itself, and what went before by the fold of serving.

A payment is read before it is counted, and a fraud is counted when it is known, days later.
"""

from __future__ import annotations

import heapq

import numpy as np

from models.decisions.fraud.simulator import DAY_S, Numbers, Payments
from models.rolling.declared import Features, Key
from models.rolling.fold import Event, State, Truth, add, read

ROLLING = Features({"card": Key((1, 7, 30)), "terminal": Key((1, 7, 30))})
PLAIN = ("amount", "hour", "weekday")


def plain(payments: Payments) -> Numbers:
    """What a payment says of itself."""
    return np.column_stack([payments.cents / 100, payments.at_s % DAY_S // 3_600, payments.at_s // DAY_S % 7]).astype(
        np.float64
    )


def rolling(payments: Payments) -> Numbers:
    """The rolling features of each payment at its time, one column for each of `ROLLING.names`."""
    states: dict[tuple[str, int], State] = {}
    later: list[tuple[int, int]] = []  # frauds by when they are known
    found = np.zeros((len(payments), len(ROLLING.names)))
    at, known, bad = payments.at_s.tolist(), payments.known_at_s.tolist(), payments.fraud.tolist()
    amounts = (payments.cents / 100).tolist()
    at_key = {"card": payments.card.tolist(), "terminal": payments.terminal.tolist()}
    for number, now in enumerate(at):
        while later and later[0][0] <= now:
            known_s, which = heapq.heappop(later)
            for name, key in ROLLING.keys.items():
                truth = Truth(str(which), at[which] * 1_000, known_s * 1_000)
                add(states[name, at_key[name][which]], key, truth)
        row: list[float] = []
        for name, key in ROLLING.keys.items():
            state = states.setdefault((name, at_key[name][number]), State())
            row += read(state, key, now * 1_000)
            add(state, key, Event(str(number), now * 1_000, amounts[number]))
        found[number] = row
        if bad[number]:
            heapq.heappush(later, (known[number], number))
    return found
