"""`/acts/{id}`: acts on many at once, from the preview that they go by to what became of each.

An act touches those that its preview has counted, and no others. Previews and acts are remembered by this process, the
newest of them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.console import queries
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.gateway.letter_acts import action_id
from streams.gateway.problems import ProblemError
from streams.readmodel.paging import Found
from streams.readmodel.stored import stored

MOST = 1_000  # that one act touches
KEPT = 100  # acts whose progress is remembered, in this process
ENDS_AS = {"cancel": "cancelled", "suspend": "suspended"}  # where an act has a status of its own
INSTANCE, LETTER = "instance", "letter"


@dataclass
class Deed:
    """An act on many instances or letters, and how far it is."""

    id: str
    verb: str
    actor: str
    reason: str
    at_ms: int
    ids: Sequence[str]
    of: str = INSTANCE
    refused: dict[str, str] = field(default_factory=dict)  # why, by id
    sent: int = 0


def previewed(rows: Sequence[Found]) -> str:
    """Keeps what a preview has shown; gives the name under which an act finds it."""
    name = secrets.token_hex(16)
    _keep(_previews, name, rows)
    return name


def taken(form: Any) -> Sequence[Found] | None:
    """What the preview of a form has shown, once; None where that is not remembered any more."""
    return _previews.pop(str(form.get("preview", "")), None)


def begun(visit: Visit, verb: str, reason: str, ids: Sequence[str], of: str = INSTANCE) -> Deed:
    """An act that has a page from now on."""
    deed = Deed(secrets.token_hex(8), verb, visit.actor.name, reason, visit.now_ms, ids, of)
    _keep(_deeds, deed.id, deed)
    return deed


def in_background(deed: Deed, work: Callable[[Deed], Awaitable[None]]) -> Shown:
    """Does it while its page is looked at."""
    task = asyncio.ensure_future(work(deed))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    return page_of(deed)


def page_of(deed: Deed) -> Shown:
    """Leads to the page of an act."""
    return see_other(f"/acts/{deed.id}")


async def progress(visit: Visit) -> View:
    """What became of each so far, as the read model has it."""
    deed = _deeds.get(visit.request.match_info["id"])
    if deed is None:
        raise ProblemError(404, "not-found", "No such act is remembered; a restart of the gateway forgets them.")
    data = {"id": deed.id, "verb": deed.verb, "of": deed.of, "by": deed.actor, "reason": deed.reason,
            "at_ms": deed.at_ms, "sent": deed.sent, "count": len(deed.ids)}  # fmt: skip
    if deed.of == LETTER:
        return View(template="act_letters.html", data={**data, **await _letters(visit, deed)})
    now = await asyncio.to_thread(queries.standing_of, visit.services.reader, deed.ids)
    known = [{"instance_id": each, "status": "", "business_key": "", **now.get(each, {})} for each in deed.ids]
    rows = [{**each, "refused": deed.refused.get(each["instance_id"], "")} for each in known]
    counts = dict(Counter(each["status"] for each in now.values()))
    return View(
        template="act.html",
        data={**data, "counts": counts, "instances": rows},
        drawn={"word": ENDS_AS.get(deed.verb)},
    )


async def _letters(visit: Visit, deed: Deed) -> dict[str, Any]:
    """Each letter with the word of its processor: what it said of this act, and nothing before it has."""
    rows = await asyncio.to_thread(visit.services.reader.letters_of, deed.ids)
    ours = [row for row in rows.values() if row["action_id"] == action_id(deed.id, row["letter_id"])]
    said = {each["letter_id"]: each for each in (await stored(visit.services.codec, ours)).messages}
    told = []
    for each in deed.ids:
        letter, why = said.get(each), deed.refused.get(each, "")
        if letter is not None:
            why = letter["refused"] or ""
        word = "refused" if why else "asked" if letter is None else letter["status"]
        if word == "open":  # it was sent, and could not be used once more
            word = "came back"
        told.append({"letter_id": each, "result": word, "why": why})
    return {"letters": told, "counts": dict(Counter(each["result"] for each in told))}


def _keep(kept: dict[str, Any], name: str, value: Any) -> None:
    while len(kept) >= KEPT:
        kept.pop(next(iter(kept)))
    kept[name] = value


_previews: dict[str, Sequence[Found]] = {}
_deeds: dict[str, Deed] = {}
_under_way: set[asyncio.Future[None]] = set()

PAGES = (Page(path="/acts/{id}", show=progress, section="/instances", live=True),)
