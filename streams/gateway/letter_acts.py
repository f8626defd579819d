"""`/v1/letters/redrive`, `drop` and `edit`: decisions about letters, each told what became of it.

A decision names the state of the letter that was looked at, so that it counts once: who says it again, after a crash
too, finds another state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from schemas.messages import LETTER_ACTION
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.awaiting import awaited
from streams.gateway.bodies import LINE, idempotency_key, one_line, read_object
from streams.gateway.editing import changed, given_value, patch_of
from streams.gateway.letters import known_letter, versions
from streams.gateway.openapi import Route, Schema, list_of, object_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services, services
from streams.ground.publish import Outgoing
from streams.processors.letters import ACTIONS
from streams.processors.letters.letter import DEAD, DROP, EDIT, PARKED, REDRIVE

Fields = dict[str, Any]
MAX_LETTERS = 500  # of one request
_WHO: Mapping[str, type] = {"why": str, "actor": str}


async def redrive_letters(request: web.Request) -> web.Response:
    """Sends letters once more, each to where it came from."""
    wish = await read_object(request, {**_WHO, "letters": list, "force": bool}, ("why", "letters"))
    return await _many(request, wish, REDRIVE)


async def drop_letters(request: web.Request) -> web.Response:
    """Says of letters that nobody needs them any more."""
    wish = await read_object(request, {**_WHO, "letters": list}, ("why", "letters"))
    return await _many(request, wish, DROP)


async def edit_letter(request: web.Request) -> web.Response:
    """Gives a letter another value, which is sent when it is redriven. Both stay on record."""
    wish = await read_object(request, {**_WHO, "letter": str, "value": str, "set": dict}, ("why", "letter"))
    if (wish.get("value") is None) == (not wish.get("set")):
        raise ProblemError(422, "request-invalid", "Give either a whole value, or members to set by their path.")
    ours = services(request)
    letter = await known_letter(ours, wish["letter"])
    value = await edited_value(ours, letter, wish)
    return await _told(request, wish, EDIT, [letter], {"value": value})


async def edited_value(ours: Services, letter: Fields, wish: Fields) -> bytes:
    """What an edit makes of a letter: a whole `value` in base64, or members to `set` by their path; raises ProblemError
    where that cannot be."""
    whole, changes = wish.get("value"), wish.get("set") or {}
    if letter["kind"] == DEAD:
        return patch_of(None if whole is None else given_value(whole), changes)
    if whole is not None:
        return given_value(whole)
    original, edited = await versions(ours, letter)
    if original is None or (letter["left_out"] is not None and edited is None):
        raise ProblemError(409, "refused", "Its value is held no longer: give a whole one.")
    return await changed(ours.codec, ours.types, (edited or original).value, changes)


async def _many(request: web.Request, wish: Fields, action: str) -> web.Response:
    ids = wish["letters"]
    if not 0 < len(ids) <= MAX_LETTERS or not all(isinstance(each, str) for each in ids):
        raise ProblemError(422, "request-invalid", f"letters: name 1 to {MAX_LETTERS} letters by their ids.")
    ours = services(request)
    found = await asyncio.to_thread(ours.reader.letters_of, ids)
    known = [(await ours.codec.decode_learning(row["message"]))[1] for row in found.values()]
    refused = {each: "no letter of this id has been seen, or not yet" for each in ids if each not in found}
    if action == REDRIVE:
        refused |= await without_topic(ours, known)
    return await _told(request, wish, action, known, {"force": bool(wish.get("force"))}, refused)


async def without_topic(ours: Services, letters: Sequence[Fields]) -> dict[str, str]:
    """Those that cannot be sent: a writer that waits for a topic that is gone would stand still."""
    wanted = {each["topic"] for each in letters if each["kind"] == PARKED}
    there = await ours.topics_there(ours.settings) if wanted else wanted
    gone = [each for each in letters if each["kind"] == PARKED and each["topic"] not in there]
    return {each["letter_id"]: f"there is no topic {each['topic']} any more" for each in gone}


async def _told(
    request: web.Request,
    wish: Fields,
    action: str,
    letters: Sequence[Fields],
    more: Fields,
    refused: Mapping[str, str] | None = None,
) -> web.Response:
    told = await decide(services(request), idempotency_key(request), action, letters, wish, more, refused or {})
    if len(told) == 1 and told[0]["taken"] is False:
        raise ProblemError(409, "refused", f"Refused: {told[0]['detail']}.")
    return json_answer({"letters": told}, status=200 if all(each["taken"] is not None for each in told) else 202)


async def decide(
    ours: Services,
    name: str,
    action: str,
    letters: Sequence[Fields],
    wish: Fields,
    more: Fields,
    refused: Mapping[str, str],
) -> list[Fields]:
    """Publishes a decision about each letter in the state that was looked at (`letter_id`, `seq`), but the refused,
    and tells what became of each so far. `name` is that of the wish, however often it comes; `wish` has why and who.
    """
    said = {
        "action": action,
        "why": one_line("why", wish["why"]),
        "actor": one_line("actor", wish.get("actor") or "api"),
    }
    words: dict[str, Fields] = {each: {"taken": False, "detail": told} for each, told in refused.items()}
    asked = {each["letter_id"]: each["seq"] for each in letters if each["letter_id"] not in words}
    outgoing = []
    for letter_id, seq in asked.items():
        fields = {"letter_id": letter_id, "action_id": action_id(name, letter_id), "seq": seq, **said, **more}
        outgoing.append(Outgoing(ACTIONS, letter_id.encode(), ours.codec.encode(LETTER_ACTION, fields)))
    await ours.publisher.publish(outgoing)
    words |= await _await_words(ours, asked, name)
    return [{"letter_id": letter_id, **word} for letter_id, word in words.items()]


def action_id(name: str, letter_id: str) -> str:
    """The id of the decision about one letter that a wish of this name makes."""
    return f"{name}#{letter_id}"


async def _await_words(ours: Services, asked: Mapping[str, int], name: str) -> dict[str, Fields]:
    """What has become of each decision; nothing yet where that takes too long."""
    words: dict[str, Fields] = {each: {"taken": None, "detail": None} for each in asked}
    waiting = set(asked)

    async def look() -> bool:
        for letter_id, row in (await asyncio.to_thread(ours.reader.letters_of, waiting)).items():
            if row["action_id"] == action_id(name, letter_id):
                refused = (await ours.codec.decode_learning(row["message"]))[1]["refused"]
                words[letter_id] = {"taken": refused is None, "detail": refused}
                waiting.discard(letter_id)
        return not waiting

    await awaited(ours, look)
    return words


_ANSWER: Schema = object_of(
    {
        "letters": list_of(
            object_of({"letter_id": TEXT, "taken": {"type": ["boolean", "null"]}, "detail": OPTIONAL_TEXT})
        )
    }
)
_MANY: Mapping[str, Schema] = {
    "letters": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": MAX_LETTERS},
    "why": LINE,
}


def _route(verb: str, handler: Any, summary: str, body: Schema) -> Route:
    return Route(
        method="POST",
        path=f"/v1/letters/{verb}",
        handler=handler,
        summary=summary + " 202: taken note of, but it is not known yet what became of all of it.",
        answers={200: _ANSWER, 202: _ANSWER},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": body},
        verb=f"letters {verb}",
    )


ROUTES = (
    _route(
        REDRIVE,
        redrive_letters,
        "Send letters once more, each to where it came from.",
        object_of(_MANY, actor=LINE, force={"type": "boolean"}),
    ),
    _route(DROP, drop_letters, "Say of letters that nobody needs them any more.", object_of(_MANY, actor=LINE)),
    _route(
        EDIT,
        edit_letter,
        "Give a letter another value, which is sent when it is redriven.",
        object_of({"letter": TEXT, "why": LINE}, actor=LINE, value=TEXT, set={"type": "object"}),
    ),
)
