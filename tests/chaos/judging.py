"""What must be true of a run, however much has failed. Pure: evidence in, faults of Exlify out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.reasons import Effect
from tests.chaos.evidence import Letters, Try

WRITE = "/do/4/write"
TRIES = {"cases": 4, "charges": 2, "bookings": 4, "letters": 4}  # of each step, by what its address begins with


def of_events(
    cases: Mapping[str, str], outcomes: Mapping[str, set[bytes]], waiting: Mapping[str, list[dict[str, Any]]]
) -> Iterator[str]:
    """One outcome or one open incident for each event. `cases` are their names by instance."""
    for instance, case in cases.items():
        ends, stops = len(outcomes.get(instance, ())), len(waiting.get(instance, ()))
        if ends + stops != 1:
            yield f"{case}: {ends} outcomes, {stops} open incidents"
    for instance in (outcomes.keys() | waiting.keys()) - cases.keys():
        yield f"{instance}: nobody has sent its event"


def of_effects(
    cases: Mapping[str, str],
    outcomes: Mapping[str, set[bytes]],
    waiting: Mapping[str, list[dict[str, Any]]],
    ledger: Iterable[Mapping[str, Any]],
) -> Iterator[str]:
    """Each effect once, as its class allows, and every doubt listed."""
    kept, charged, written = Counter[str](), Counter[str](), Counter[str]()
    bodies: dict[str, set[str]] = {}
    for line in ledger:
        case, done = line["case"], line["result"] == "done"
        if line["system"] == "register":
            bodies.setdefault(case, set()).add(line["body"])
            kept[case] += done
        elif line["system"] == "letters":
            written[case] += 1
        else:
            charged[case] += done
    for instance, case in cases.items():
        if len(bodies.get(case, ())) > 1:
            yield f"{case}: the register was told two things"
        if charged[case] > 1:
            yield f"{case}: charged {charged[case]} times"
        if written[case] > 1:
            yield f"{case}: {written[case]} letters"
        if instance in outcomes and (kept[case], charged[case], written[case]) != (1, 1, 1):
            yield f"{case}: ended, but kept {kept[case]}, charged {charged[case]}, written {written[case]}"
        for incident in waiting.get(instance, ()):
            yield from _of_certainty(case, incident, written[case])


def _of_certainty(case: str, incident: Mapping[str, Any], written: int) -> Iterator[str]:
    """An incident says honestly whether the letter was written."""
    effect = incident["error"]["effect"]
    if incident["pointer"] == WRITE:
        if (effect == Effect.NONE and written) or (effect == Effect.DONE and not written):
            yield f"{case}: {written} letters, and its incident says {effect}"
    elif written:
        yield f"{case}: a letter, though it waits at {incident['pointer']}"


def of_requests(requests: Iterable[str], kills: int) -> Iterator[str]:
    """No step is tried more often than its policy says; a call that was under way when somebody was killed comes again.

    `requests` are method and address of each.
    """
    for request, count in Counter(requests).items():
        most = TRIES[request.split("/")[1]] + kills
        if count > most:
            yield f"{request}: {count} requests, where {most} are allowed"


def of_letters(found: Letters) -> Iterator[str]:
    """Each letter is tried again or answered, and what is tried again comes to an end, too."""
    for letter in sorted(found.letters):
        again = Try(letter.step, letter.retry + 1)
        answered = found.answers.get(letter.step, set())
        if again in found.announced:
            if again not in found.commands:
                yield f"{letter}: tried again, but there is no command"
            elif again not in found.letters and not answered:
                yield f"{again}: nothing has come of it"
        elif "faulted" not in answered:
            yield f"{letter}: neither tried again nor answered"
        if letter not in found.commands:
            yield f"{letter}: of a command that nobody gave"
