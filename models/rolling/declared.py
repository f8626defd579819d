"""What rolling features are declared to be: of which keys, over which windows, which aggregates.

    card:
      windows: [1, 7, 30]
      aggregates: [count, amount, share]

A feature is called `KEY_AGGREGATE_WINDOW`, as in `card_count_7d`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

MOST_DAYS = 90
MOST_WINDOWS = 5
MOST_KEYS = 4


class Aggregate(Enum):
    """What is told of a window."""

    COUNT = "count"  # how many events
    AMOUNT = "amount"  # their mean amount
    SHARE = "share"  # which share of them is known to be bad by now


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept for each value of one key."""

    windows: tuple[int, ...]  # days, each with the one that an event lies in
    aggregates: tuple[Aggregate, ...] = tuple(Aggregate)

    @property
    def longest(self) -> int:
        """Days that have to be kept."""
        return max(self.windows)


class Features(msgspec.Struct, frozen=True):
    """Rolling features by the name of their key."""

    keys: Mapping[str, Key]

    def __post_init__(self) -> None:
        """Raises ValueError naming what is beyond bounds."""
        if not 1 <= len(self.keys) <= MOST_KEYS:
            raise ValueError(f"has {len(self.keys)} keys, which may be 1 to {MOST_KEYS}.")
        for name, key in self.keys.items():
            if not 1 <= len(key.windows) <= MOST_WINDOWS or not key.aggregates:
                raise ValueError(f"{name}: has to have 1 to {MOST_WINDOWS} windows, and an aggregate.")
            if len({*key.windows}) < len(key.windows) or not all(1 <= days <= MOST_DAYS for days in key.windows):
                raise ValueError(f"{name}.windows: have to be different days from 1 to {MOST_DAYS}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Of all features, in their order."""
        return tuple(each for name, key in self.keys.items() for each in names_of(name, key))


def names_of(name: str, key: Key) -> tuple[str, ...]:
    """Of the features of one key."""
    return tuple(f"{name}_{each.value}_{days}d" for days in key.windows for each in key.aggregates)
