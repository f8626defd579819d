"""What must be true of a run, however much has failed. Pure: evidence in, faults of Exlify out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.reasons import Effect
from tests.chaos.evidence import Letters, Try

ONCE = {"seats": "/do/4/reserve", "letters": "/do/5/write"}  # systems that recognise nothing, and who asks them
TRIES = {"cases": 4, "charges": 2, "bookings": 4, "seats": 4, "letters": 4}  # of each step, by how its address begins


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
    kept, charged = Counter[str](), Counter[str]()
    asked = {system: Counter[str]() for system in ONCE}
    bodies: dict[str, set[str]] = {}
    for line in ledger:
        system, case, done = line["system"], line["case"], line["result"] == "done"
        if system == "register":
            bodies.setdefault(case, set()).add(line["body"])
            kept[case] += done
        elif system in ONCE:
            asked[system][case] += 1
        else:
            charged[case] += done
    for instance, case in cases.items():
        counts = {system: asked[system][case] for system in ONCE}
        if len(bodies.get(case, ())) > 1:
            yield f"{case}: the register was told two things"
        if charged[case] > 1:
            yield f"{case}: charged {charged[case]} times"
        for system, count in counts.items():
            if count > 1:
                yield f"{case}: {count} {system}"
        if instance in outcomes and {kept[case], charged[case], *counts.values()} != {1}:
            yield f"{case}: ended, but kept {kept[case]}, charged {charged[case]}, {counts}"
        for incident in waiting.get(instance, ()):
            yield from _of_certainty(case, incident, counts)


def _of_certainty(case: str, incident: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[str]:
    """An incident says honestly whether the seat was taken, or the letter written."""
    effect, pointer = incident["error"]["effect"], incident["pointer"]
    for system, count in counts.items():
        if pointer == ONCE[system]:
            if (effect == Effect.NONE and count) or (effect == Effect.DONE and not count):
                yield f"{case}: {count} {system}, and its incident says {effect}"
        elif bool(count) != (pointer > ONCE[system]):
            yield f"{case}: {count} {system}, though it waits at {pointer}"


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
