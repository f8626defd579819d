"""What a model of fraud reads of simulated payments: the payment itself, and what went before by the fold of serving.

A payment is read before it is counted, and a fraud is counted when it is known, days later.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import Any

import numpy as np

from models.decisions.fraud.simulator import Numbers, Payments
from models.rolling import fold
from models.rolling.names import names

KEYS = ("card", "terminal", "pair")  # the last: this card at this terminal
ROLLING = (*names("card", "terminal"), "pair_count_30d")  # of the pair, whether the card has been there at all
_TAKEN = [names(*KEYS).index(name) for name in ROLLING]
PLAIN = ("amount", "hour", "weekday")


def plain(payments: Payments) -> Numbers:
    """What a payment says of itself."""
    when = np.array([fold.hour_and_weekday(at * 1_000) for at in payments.at_s.tolist()])
    return np.column_stack([payments.cents / fold.UNITS, when]).astype(np.float64)


def rolling(payments: Payments) -> Numbers:
    """The rolling features of each payment at its time, one column for each of `ROLLING`."""
    states: dict[tuple[str, Any], fold.State] = defaultdict(fold.State)
    later: list[tuple[int, int]] = []  # frauds by when they are known
    found = np.zeros((len(payments), len(ROLLING)))
    at, known, bad = payments.at_s.tolist(), payments.known_at_s.tolist(), payments.fraud.tolist()
    amounts, card, terminal = payments.cents.tolist(), payments.card.tolist(), payments.terminal.tolist()
    at_key = [*zip(KEYS, (card, terminal, [*zip(card, terminal, strict=True)]), strict=True)]
    for number, now in enumerate(at):
        while later and later[0][0] <= now:
            known_s, which = heapq.heappop(later)
            for name, keys in at_key:
                fold.mark(states[name, keys[which]], at[which] * 1_000, known_s * 1_000)
        row: list[float] = []
        for name, keys in at_key:
            state = states[name, keys[number]]
            fold.advance(state, now * 1_000)
            row += fold.told(state, now * 1_000, amounts[number])
            fold.count(state, now * 1_000, amounts[number])
        found[number] = [row[place] for place in _TAKEN]
        if bad[number]:
            heapq.heappush(later, (known[number], number))
    return found
