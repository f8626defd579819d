"""The path of an instance through its workflow: exact, because history records the case of each switch. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.lifecycle import Status
from streams.console import words
from streams.console.account import Account, Step
from streams.console.diagram.layout import HANDLED
from streams.console.diagram.outline import CAUGHT, END, LEAVE, SKIPPED, Block, Link, Listing
from streams.console.diagram.shapes import TO_END, TO_LEAVE
from streams.console.diagram.svg import State

GONE_ON = (Status.COMPLETED, Status.SKIPPED)


def states(account: Account, now_ms: int) -> dict[str, State]:
    """Where the instance is with each task, by its newest time there."""
    found: dict[str, State] = {}
    for step in account.steps:
        status = "waiting" if step.status == Status.RUNNING and step.idle else step.shown
        took = (
            "" if step.status == Status.SKIPPED or step.kind in ("set", "switch") else words.span(step.took_ms(now_ms))
        )
        found[step.pointer] = State(status=status, took=took)
    return found


def passed(listing: Listing, account: Account) -> set[tuple[str, str]]:
    """The lines by which the instance went."""
    steps: dict[str, list[Step]] = {}
    for step in account.steps:
        steps.setdefault(step.pointer, []).append(step)
    found = set(_passed(listing, steps, TO_END))
    if listing.items and listing.items[0].pointer in steps:
        found.add(("", listing.items[0].pointer))
    return found


def _passed(listing: Listing, steps: Mapping[str, list[Step]], leaving: str) -> Iterator[tuple[str, str]]:
    for block in listing.items:
        yield from _inside(block, steps)
    for link in listing.links:
        source = listing.items[link.source].pointer
        target = {END: TO_END, LEAVE: leaving}.get(link.target) or listing.items[link.target].pointer
        if any(_went(step, link) for step in steps.get(source, ())) and (target[0] == "#" or target in steps):
            yield source, target


def _went(step: Step, link: Link) -> bool:
    """Whether the flow took this link after the step."""
    if step.status not in GONE_ON:
        return False
    cases = link.cases
    if step.kind == "switch" and step.status == Status.COMPLETED:
        return (step.case or "") in cases
    if step.status == Status.SKIPPED:
        return SKIPPED in cases or "" in cases
    return any(case in ("", CAUGHT) for case in cases)


def _inside(block: Block, steps: Mapping[str, list[Step]]) -> Iterator[tuple[str, str]]:
    ended = any(step.status == Status.COMPLETED for step in steps.get(block.pointer, ()))
    for listing in block.lists:
        yield from _passed(listing, steps, TO_LEAVE)
        if listing.items and listing.items[0].pointer in steps:
            yield block.pointer, listing.items[0].pointer
    caught = False
    if block.handler is not None and block.handler.items:
        yield from _passed(block.handler, steps, TO_LEAVE)
        first = block.handler.items[0].pointer
        if caught := first in steps:
            yield block.pointer, first
    if ended and block.lists:
        yield block.pointer, HANDLED if caught else TO_LEAVE
