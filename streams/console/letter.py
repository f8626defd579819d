"""`/letters/{id}`: one letter with what it says, as it came and as it was edited, and the form that edits it.

For people who may see it: what it says may hold personal data.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.messages import LETTER
from streams.console.forms import FormFaultError, json_of
from streams.console.letters import problems
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, may, require
from streams.gateway.bodies import MAX_LINE_LENGTH, one_line
from streams.gateway.letter_acts import decide, edited_value
from streams.gateway.letters import known_letter, version, versions
from streams.gateway.problems import ProblemError
from streams.ground.record_at import RawRecord
from streams.processors.letters.letter import DEAD, EDIT, UNDECIDED

WHOLE, PATCH, MEMBERS = "whole", "patch", "members"  # what an edit gives
Fields = dict[str, Any]


async def show(visit: Visit) -> View:
    """The letter."""
    return await _view(visit, await _letter(visit))


async def act(visit: Visit) -> Shown:
    """Gives the letter another value; shows the form once more where that is refused."""
    letter = await _letter(visit)
    require(visit.actor, Act.EDIT, Target(LETTER, letter["letter_id"]))
    form = await visit.form()
    text = form.get("text", "").replace("\r\n", "\n")
    try:
        why = one_line("why", form.get("why", "").strip())
        value = await edited_value(visit.services, letter, _wish(form.get("gives", ""), text))
        wish = {"why": why, "actor": visit.actor.name}
        name = form.get("action_id") or uuid.uuid4().hex
        (told,) = await decide(visit.services, name[:100], EDIT, [letter], wish, {"value": value, "force": False}, {})
        if told["taken"] is False:
            raise ProblemError(409, "refused", f"Refused: {told['detail']}.")
    except ProblemError as error:
        if error.status not in (409, 413, 422):
            raise
        return replace(await _view(visit, letter, text, error.detail), status=error.status)
    return see_other(f"/letters/{letter['letter_id']}" + ("" if told["taken"] else "?sent=edit"))


def _wish(gives: str, text: str) -> Fields:
    if gives != MEMBERS:
        return {"value": base64.b64encode(text.encode()).decode()}
    try:
        members = json_of("members", text)
    except FormFaultError as error:
        raise ProblemError(422, "request-invalid", f"{error}.") from None
    if not isinstance(members, dict) or not members:
        raise ProblemError(422, "request-invalid", 'Write an object of paths and values, such as {"customer.id": 12}.')
    return {"set": members}


async def _letter(visit: Visit) -> Fields:
    letter = await known_letter(visit.services, visit.request.match_info["letter_id"])
    require(visit.actor, Act.LOOK, Target(LETTER, letter["letter_id"]))
    return letter


async def _view(visit: Visit, letter: Fields, text: str | None = None, fault: str = "") -> View:
    original, edited = await versions(visit.services, letter)
    codec, target = visit.services.codec, Target(LETTER, letter["letter_id"])
    said = {"original": await version(codec, original), "edited": await version(codec, edited)}
    gives, preset = _form(letter, said["original"], original, edited)
    undecided = letter["status"] in UNDECIDED
    data = {
        "letter": letter,
        "problem": (await problems(visit, [letter])).get(letter["letter_id"]),
        **said,
        "fault": fault,
    }
    drawn = {
        "asks": undecided and may(visit.actor, Act.EDIT, target) and (visit.query("ask") == "edit" or bool(fault)),
        "may_edit": undecided and may(visit.actor, Act.EDIT, target),
        "may_redrive": undecided and may(visit.actor, Act.REDRIVE, target),
        "may_drop": undecided and may(visit.actor, Act.DROP, target),
        "sent": visit.query("sent") == "edit",
        "gives": gives,
        "text": preset if text is None else text,
        "action_id": uuid.uuid4().hex,
        "max_reason": MAX_LINE_LENGTH,
    }
    return View(template="letter.html", data=data, drawn=drawn)


def _form(
    letter: Fields, said: Mapping[str, Any] | None, original: RawRecord | None, edited: RawRecord | None
) -> tuple[str, str]:
    """What the form of an edit asks for, and the text that it begins with; neither where no page can write it."""
    newest = edited or original
    value = newest.value if newest else None
    if letter["kind"] == DEAD:
        return PATCH, _text(edited.value if edited else None) or "{}"
    if said is not None and said["message"]:
        return MEMBERS, "{}"
    text = _text(value)
    return ("", "") if text is None else (WHOLE, text)


def _text(value: bytes | None) -> str | None:
    """Bytes as text; None where they are none."""
    try:
        text = (value or b"").decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or set(text) & {"\n", "\t"} else None


PAGES = (
    Page(path="/letters/{letter_id}", show=show, section="/letters"),
    Page(path="/letters/{letter_id}", show=act, section="/letters", method="POST"),
)
