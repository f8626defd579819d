"""`/letters/redrive?...` and `/letters/drop?...`: one act on all letters that a query means.

The preview says of each letter what its processor will say, by the processor's own rules: what is sent, what only if it
is forced, what cannot be. A letter that changes meanwhile is refused and told.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlencode

from schemas.messages import LETTER
from streams.console import deeds, letter_rows
from streams.console.deeds import MOST, Deed
from streams.console.letters import Fields, meant, problems
from streams.console.page import Page, Shown, View, Visit
from streams.console.rights import Act, Target, require
from streams.gateway.bodies import MAX_LINE_LENGTH, one_line
from streams.gateway.letter_acts import decide, without_topic
from streams.gateway.problems import problem_of
from streams.processors.letters import LetterSettings
from streams.processors.letters.letter import DROP, REDRIVE, Letter, refusal
from streams.readmodel.stored import stored

SHOWN = 50
AT_ONCE = 100
KEPT = ("letter_id", "seq", "kind", "topic")


async def preview_redrive(visit: Visit) -> View:
    """The letters that would be sent once more."""
    return await _preview(visit, REDRIVE)


async def preview_drop(visit: Visit) -> View:
    """The letters of which would be said that nobody needs them."""
    return await _preview(visit, DROP)


async def redrive(visit: Visit) -> Shown:
    """Sends those that the preview has shown."""
    require(visit.actor, Act.REDRIVE, Target(LETTER, visit.request.query_string))
    return await _act(visit, REDRIVE)


async def drop(visit: Visit) -> Shown:
    """Drops those that the preview has shown."""
    require(visit.actor, Act.DROP, Target(LETTER, visit.request.query_string))
    return await _act(visit, DROP)


async def _preview(visit: Visit, action: str, fault: str = "", status: int = 200) -> View:
    given, about = meant(visit)
    ours = visit.services
    page = await asyncio.to_thread(letter_rows.letters, ours.reader, about, limit=MOST)
    letters = (await stored(ours.codec, page.rows)).messages
    never = await without_topic(ours, letters) if action == REDRIVE else {}
    told = [_judged(visit, each, action, never.get(each["letter_id"])) for each in letters]
    wrong = await problems(visit, letters[:SHOWN])
    names = ("letter_id", "kind", "processor", "topic", "reason", "instance_id", "pointer", "at_ms", "word", "why")
    data = {
        "action": action,
        "counts": {word: sum(each["word"] == word for each in told) for word in ("ready", "forced", "never")},
        "whys": {word: _whys(told, word) for word in ("forced", "never")},
        "dead": sum(each["kind"] == "dead" for each in letters),
        "more": page.next is not None,
        "most": MOST,
        "letters": [
            {name: each[name] for name in names} | {"effect": wrong.get(each["letter_id"], {}).get("effect", "")}
            for each in told[:SHOWN]
        ],
        "count": len(told),
        "filters": given,
        "fault": fault,
    }
    kept = [{name: each[name] for name in (*KEPT, "word", "why")} for each in told]
    drawn = {"preview": deeds.previewed(kept), "query": urlencode(given), "max_reason": MAX_LINE_LENGTH}
    return View(template="bulk_letters.html", data=data, drawn=drawn, status=status)


def _judged(visit: Visit, letter: Fields, action: str, never: str | None) -> Fields:
    """What its processor will say of it: ready, forced (only if it is forced) or never, and why."""
    most = visit.services.settings.of(LetterSettings).max_replays
    wish = {"action": action, "seq": letter["seq"], "value": None}
    known = Letter(**{name: letter[name] for name in Letter.__struct_fields__})
    plain, forced = (refusal(known, {**wish, "force": force}, most) for force in (False, True))
    why = never or forced or plain
    return {**letter, "word": "never" if never or forced else "forced" if plain else "ready", "why": why or ""}


def _whys(told: Sequence[Fields], word: str) -> dict[str, int]:
    return dict(Counter(each["why"] for each in told if each["word"] == word).most_common())


async def _act(visit: Visit, action: str) -> Shown:
    form = await visit.request.post()
    why = one_line("why", str(form.get("reason", "")).strip())
    force = bool(form.get("force"))
    rows = deeds.taken(form)
    if rows is None:
        return await _preview(visit, action, "That preview is not remembered any more; these are the letters now.", 409)
    deed = deeds.begun(visit, action, why, [row["letter_id"] for row in rows], deeds.LETTER)
    wanted = ("ready", "forced") if force else ("ready",)
    deed.refused |= {row["letter_id"]: row["why"] for row in rows if row["word"] not in wanted}
    chosen = [dict(row) for row in rows if row["word"] in wanted]
    return deeds.in_background(deed, lambda begun: _all(visit, begun, chosen, force=force))


async def _all(visit: Visit, deed: Deed, rows: Sequence[Fields], *, force: bool) -> None:
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        try:
            deed.refused |= await _portion(visit, deed, some, force=force)
        except Exception as error:  # noqa: BLE001  # of these; the others go on, and the page says why
            deed.refused |= dict.fromkeys((row["letter_id"] for row in some), problem_of(error, visit.request).detail)


async def _portion(visit: Visit, deed: Deed, some: Sequence[Fields], *, force: bool) -> dict[str, str]:
    ours = visit.services
    refused = await without_topic(ours, some) if deed.verb == REDRIVE else {}
    wish = {"why": deed.reason, "actor": deed.actor}
    told = await decide(ours, deed.id, deed.verb, some, wish, {"force": force}, refused)
    deed.sent += len(some) - len(refused)
    return {each["letter_id"]: each["detail"] for each in told if each["taken"] is False}


PAGES = (
    # Before the page of a letter, whose path these have, too.
    Page(path="/letters/redrive", show=preview_redrive, section="/letters"),
    Page(path="/letters/redrive", show=redrive, section="/letters", method="POST"),
    Page(path="/letters/drop", show=preview_drop, section="/letters"),
    Page(path="/letters/drop", show=drop, section="/letters", method="POST"),
)
