"""`/letters`: what went aside, grouped by its cause, and every letter of a cause.

A cause is the processor that could not use it, where it came from and why. Each group tells whether anything reached
the outside, and leads to acts on all of it. Lists say nothing of what is in a letter: `letter.py` does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from streams.console import letter_rows
from streams.console.instances import AGE_WORDS, AGES
from streams.console.letter_rows import CAUSE, HOURS, MOST_CAUSES, Meant
from streams.console.page import Page, View, Visit
from streams.processors.letters.letter import DEAD, PARKED, STATUSES
from streams.readmodel.paging import Found
from streams.readmodel.stored import stored

UNDECIDED, ALL = "undecided", "all"
FILTERS = ("status", *CAUSE, "instance_id", "letter_id", "age")
NEWEST = 500  # letters among which examples are looked for
SHOWN = 10  # of a cause, of which effects are told, too
ROWS = 50
Fields = dict[str, Any]


async def show(visit: Visit) -> View:
    """The causes of what a query means, and a page of its letters, the oldest first."""
    given, about = meant(visit)
    reader = visit.services.reader
    cursor = visit.query("cursor") or None
    page = await asyncio.to_thread(letter_rows.letters, reader, about, limit=ROWS, cursor=cursor)
    found = await asyncio.to_thread(letter_rows.causes, reader, about)
    data = {
        "causes": await _causes(visit, about, found[:MOST_CAUSES], given),
        "more_causes": len(found) > MOST_CAUSES,
        "letters": [await shown(visit, row) for row in page.rows],
        "filters": given,
        "next": f"/letters?{urlencode({**given, 'cursor': page.next})}" if page.next else None,
        "first": cursor is None,
    }
    drawn = {
        "asked": {name: given.get(name, "") for name in FILTERS} | {"status": about.status},
        "query": urlencode(given),
        "statuses": (UNDECIDED, *STATUSES, ALL),
        "kinds": (PARKED, DEAD),
        "ages": AGE_WORDS,
    }
    return View(template="letters.html", data=data, drawn=drawn)


def meant(visit: Visit) -> tuple[dict[str, str], Meant]:
    """What the query of a page says, and the letters that it means."""
    given = {name: visit.query(name) for name in FILTERS if visit.query(name)}
    status = given.get("status", UNDECIDED)
    age = AGES.get(given.get("age", ""))
    columns = {name: value for name, value in given.items() if name not in ("status", "age")}
    return given, Meant(
        columns=columns,
        status=status if status in (*STATUSES, ALL) else UNDECIDED,
        since_ms=visit.now_ms - age if age else None,
    )


async def shown(visit: Visit, row: Found) -> Fields:
    """A letter as its row tells it: without its message, but with what lists show of that."""
    told = {name: value for name, value in row.items() if name not in ("message", "action_id")}
    said = (await stored(visit.services.codec, [row])).messages
    names = ("pointer", "incident", "replays", "size", "left_out", "actor", "why", "changed_at_ms")
    return told | {name: said[0][name] if said else None for name in names}


async def problems(visit: Visit, told: Sequence[Mapping[str, Any]]) -> dict[str, Fields]:
    """What went wrong at the failed steps behind dead letters, by letter, as far as it is known."""
    ids = {each["letter_id"]: f"{each['instance_id']}/{each['incident']}" for each in told if each["kind"] == DEAD}
    rows = await asyncio.to_thread(letter_rows.incidents, visit.services.reader, list(ids.values())) if ids else {}
    return {letter_id: _problem(rows.get(name)) for letter_id, name in ids.items()}


def _problem(incident: Found | None) -> Fields:
    error = incident["error"] if incident else None
    problem = orjson.loads(error) if isinstance(error, str) else error
    return {name: str((problem or {}).get(name) or "") for name in ("title", "detail", "effect")}


async def _causes(visit: Visit, about: Meant, found: Sequence[Found], given: Mapping[str, str]) -> list[Fields]:
    """Each with its trend, its newest letters, and what is known of their effects."""
    reader = visit.services.reader
    newest = await asyncio.to_thread(letter_rows.letters, reader, about, limit=NEWEST, newest_first=True)
    examples: dict[tuple[Any, ...], list[Fields]] = {}
    wanted = {_cause_of(row) for row in found}
    for row in newest.rows:
        some = examples.setdefault(_cause_of(row), [])
        if len(some) < SHOWN and _cause_of(row) in wanted:
            some.append(await shown(visit, row))
    wrong = await problems(visit, [each for some in examples.values() for each in some])
    trend = await asyncio.to_thread(letter_rows.by_hour, reader, about, visit.now_ms)
    causes = []
    for row in found:
        cause = _cause_of(row)
        some = examples.get(cause, [])
        known = [wrong[each["letter_id"]] for each in some if each["letter_id"] in wrong]
        named = {name: row[name] for name in CAUSE if row[name]}
        causes.append(
            {
                **row,
                "by_hour": trend.get(cause, [0] * HOURS),
                "title": next((each["title"] for each in known if each["title"]), ""),
                "effects": dict(Counter(each["effect"] for each in known if each["effect"])),
                "letters": some,
                "query": urlencode({**given, **named}),
            }
        )
    return causes


def _cause_of(row: Found) -> tuple[Any, ...]:
    return tuple(row[name] for name in CAUSE)


PAGES = (Page(path="/letters", show=show, section="/letters", live=True),)
