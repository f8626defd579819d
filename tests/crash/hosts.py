"""The real processors: who hosts them, the points of the write order that they come to, and a worker's end."""

from __future__ import annotations

from streams import catalogue
from streams.runtime.crash import POINTS
from tests.acceptance.site import STEPS
from tests.crash.points import NEEDS_INTENT, NEEDS_TABLE, NEEDS_WAITING

DECLARED = catalogue.processors(STEPS)  # own steps are processors like the others
HOSTED_BY = {each.name: each.worker for each in DECLARED.values()}
HAVE_TABLES = {each.name for each in DECLARED.values() if each.table}
SELDOM = {"decide": {"after_changelog", "after_store"}}  # it has a row only for what waits for a model that is to come
WAIT = {"call", *(step.name for step in STEPS if not step.pure)}  # for others: slow processors


def points(processor: str) -> list[str]:
    """Those that it comes to. All effects of onboarding have a key, so none needs an intent."""
    never = NEEDS_INTENT | SELDOM.get(processor, set())
    if processor not in HAVE_TABLES:
        never |= NEEDS_TABLE
    if processor not in WAIT:
        never |= NEEDS_WAITING
    return [point for point in POINTS if point not in never]
