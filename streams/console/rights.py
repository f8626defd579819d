"""Who somebody is, and what they may do: the one place that every act of the console asks.

There are no identities yet: a name is what its owner has typed, and whoever is let in may do everything. Roles will be
rules of `may`, and nothing else will have to change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from streams.gateway.problems import ProblemError

MAX_NAME = 100


class Act(StrEnum):
    """What somebody can do to something."""

    LOOK = "look at"
    ANSWER = "answer"
    CLAIM = "claim"
    CANCEL = "cancel"
    DEPLOY = "deploy"
    START = "start"
    PAUSE = "pause"
    REPAIR = "repair"
    REDRIVE = "redrive"
    DROP = "drop"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody at the console. `name` goes on record with what they do."""

    name: str
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What is acted on: a kind (`instance`, `task`, `workflow`) and its name."""

    kind: str
    name: str = ""


def may(actor: Actor, act: Act, target: Target) -> bool:
    """Whether the actor may do this."""
    return bool(actor.name)


def require(actor: Actor, act: Act, target: Target) -> None:
    """Raises ProblemError (403) where the actor may not."""
    if not may(actor, act, target):
        raise ProblemError(403, "forbidden", f"You may not {act} this {target.kind}.")
