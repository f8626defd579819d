"""The points of the write order, and who comes to them."""

from tests.crash.harness import Scenario
from tests.crash.scenarios import MakeScenario
from tests.crash.toys import KINDS

KILLED = -9
HOSTED = ("tally", "relay", "booker", "own", "reminder")
NEEDS_TABLE = {"after_changelog", "after_store", "after_recovery"}
NEEDS_INTENT = {"after_intent"}
NEEDS_WAITING = {"after_finish"}  # for others, as slow processors do
LATER = {"after_fence": 1, "after_recovery": 2}  # these are reached once a start, and once a partition


def scenarios(make: MakeScenario, point: str) -> list[Scenario]:
    """One of each kind that comes to this point. They run side by side: most of the time they wait."""
    return [make(kind) for kind in HOSTED if reaches(kind, point)]


def reaches(kind: str, point: str) -> bool:
    """Whether a processor of this kind comes to this point."""
    if point in NEEDS_INTENT | NEEDS_WAITING:
        return kind == "booker"
    return KINDS[kind].has_table or point not in NEEDS_TABLE
