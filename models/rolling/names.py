"""What is told of a key, and how it is called: `KEY_AGGREGATE_WINDOW`, as in `card_count_7d`.

count   how many events were there
amount  their mean amount
share   which share of them is known to be bad by now
risk    the same of a window that ended a week before, of which the truth has come by now
times   the amount of the event itself, in mean amounts
"""

from __future__ import annotations

import re
from typing import Final

DAY: Final = 1
WEEK: Final = 7
MONTH: Final = 30
DELAY_DAYS: Final = 7  # until nearly every truth is known
MOST_KEYS: Final = 4
KEY_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")

TOLD: Final = (
    *(f"{each}_{days}d" for days in (DAY, WEEK, MONTH) for each in ("count", "amount")),
    *(f"{each}_{days}d" for days in (WEEK, MONTH) for each in ("share", "risk")),
    f"times_{MONTH}d",
)
"""Of one key, in the order of `fold.told`."""


def names(*keys: str) -> tuple[str, ...]:
    """Of all that is told of some keys, in their order."""
    return tuple(f"{key}_{each}" for key in keys for each in TOLD)
