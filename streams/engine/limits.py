"""What one instance may take, and the error that names the limit it broke.

A limit protects everybody else on the partition from one runaway definition. A step that breaks one did not happen:
the instance faults instead, from the state it had before, and no `catch` can hold that up. The figures are compass
points for definitions made by people; each can be set per deployment through `Limits`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one deployment; folding an inbox gives the same bytes only under the same limits."""

    task_starts_per_step: int = 10_000  # a goto cycle that never waits ends here, after some 100 ms
    loop_iterations_per_step: int = 10_000  # the same for a `for` whose body does not wait
    nesting: int = 100  # open frames from the root to a leaf; Python's own recursion limit lies beyond
    frames: int = 2_000  # tasks that are open at the same time
    state_bytes: int = 1024 * 1024  # the state is one record of the changelog
    value_bytes: int = 4 * 1024 * 1024  # what goes from task to task; more than a record, the next may make it smaller
    record_bytes: int = (
        960 * 1024
    )  # arguments of a command, output, transitions of a step; leaves room for the envelope
    children: int = 16  # how deep instances may start instances
    deduplication_window_ms: int = 7 * 86_400_000  # how long an ended instance is remembered
    incidents: bool = False  # whether there are people who mend: what nobody catches waits for them (`repair`)


LIMITS = Limits()


class LimitExceededError(Exception):
    """The step would break a limit.

    `pointer` is the task at which it happened; `text` names the limit and its figure.
    """

    def __init__(self, text: str, pointer: str) -> None:
        super().__init__(text)
        self.text = text
        self.pointer = pointer
