"""Whether a value can be written down, known before it is written.

Results of expressions share structure: sixty times `[.x, .x]` makes a value that is small in memory and whose text
would fill every disk. So whoever writes such values asks first:

    if weight_bytes(value, limit) > limit: refuse, else dumps(value), whose length is then looked at
"""

from __future__ import annotations

from typing import Any


def weight_bytes(value: Any, limit: int) -> int:
    """A lower bound of the length of a JSON value as text, what is shared counted as often as it would be written;
    counting ends above `limit`.

    It counts the characters of texts and keys and one for each element, so the text is at most 26 times as long (lists
    of long numbers are). Without recursion, and one round for each list or object: scalars and texts cost next to
    nothing.
    """
    if type(value) is str:
        return len(value)
    total = 1
    unseen: list[Any] = [value] if type(value) is dict or type(value) is list else []
    while unseen and total <= limit:
        container = unseen.pop()
        total += len(container)
        if type(container) is dict:
            total += len("".join(container))
            container = container.values()
        for child in container:
            kind = type(child)
            if kind is str:
                total += len(child)
            elif kind is dict or kind is list:
                unseen.append(child)
    return total
