"""What the time of an instance goes to, and what people call it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Way(StrEnum):
    """What a step waits for, or that it waits for nothing.

    That of a worker is told by those that carry out steps one by one: calls and own steps. What is done for a whole
    batch (models, tables) is taken up as it comes, and a wait there is part of the work.
    """

    WORKING = "working"  # computing: models, tables, own steps, the engine
    SYSTEMS = "systems"  # a call to a system outside, with its limits and pauses
    WORKER = "worker"  # a worker that has a place for it
    PEOPLE = "people"  # a task for people
    REPAIR = "repair"  # a decision about the step, which has failed
    RETRIES = "retries"  # the time at which it is tried again
    EVENTS = "events"  # a `listen`
    WORKFLOWS = "workflows"  # another workflow, of a `run` that awaits it
    TIMER = "timer"  # a `wait`


WORDS: Final[Mapping[str, str]] = {
    Way.WORKING: "work",
    Way.SYSTEMS: "systems",
    Way.WORKER: "a worker",
    Way.PEOPLE: "people",
    Way.REPAIR: "a decision",
    Way.RETRIES: "the next try",
    Way.EVENTS: "events",
    Way.WORKFLOWS: "other workflows",
    Way.TIMER: "the clock",
}

WORK: Final = frozenset({Way.WORKING, Way.SYSTEMS})  # what is done, as against waiting
