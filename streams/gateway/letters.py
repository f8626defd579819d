"""`/v1/letters`: parked records and dead letters. Lists say nothing of what is in them; `show` is for people who may
see it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from schemas.catalogue import current
from schemas.codec import Codec, UndecodableRecord
from schemas.jsondata import to_json
from schemas.messages import LETTER
from schemas.payload import Payload, UnreadablePayloadError
from schemas.registry import RegistryError
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, UNREADABLE, json_answer
from streams.gateway.instances import CURSOR, LIMIT, read_time
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services, services
from streams.ground.record_at import RawRecord
from streams.processors.letters import ACTIONS
from streams.processors.letters.letter import DEAD, PARKED, STATUSES
from streams.readmodel import presentation
from streams.readmodel.stored import stored
from streams.runtime.parking import PARKING, came_from
from streams.runtime.processor import Record

Fields = dict[str, Any]
UNDECIDED = "undecided"
FILTERS = ("kind", "topic", "processor", "workflow", "instance_id")

LETTER_SHOWN: Schema = object_of(
    {
        **presentation.json_schema(current()[LETTER]),
        "kind": text_of((PARKED, DEAD)),
        "status": text_of(STATUSES),
    }
)
_VERSION: Schema = {
    "type": ["object", "null"],
    "description": "Its bytes, and what they say where that can be read; null where they are held no longer.",
    "properties": {
        "key": OPTIONAL_TEXT,
        "headers": list_of(object_of({"name": TEXT, "value": TEXT})),
        "value": OPTIONAL_TEXT,
        "message": OPTIONAL_TEXT,
        "data": {},
    },
}


async def list_letters(request: web.Request) -> web.Response:
    """A page of letters, the oldest first."""
    ours = services(request)
    query = read_query(request, LIST_QUERY)
    page = await asyncio.to_thread(
        ours.reader.letters,
        {name: query[name] for name in FILTERS if name in query},
        status=query.get("status"),
        reason=query.get("reason"),
        since_ms=read_time(query, "since"),
        until_ms=read_time(query, "until"),
        limit=query.get("limit", 50),
        cursor=query.get("cursor"),
    )
    found = await stored(ours.codec, page.rows)
    shown = [presentation.message(each) for each in found.messages]
    return json_answer({"letters": shown, "next": page.next, "unreadable": found.unreadable})


async def show_letter(request: web.Request) -> web.Response:
    """One letter with what it says: the original, and what was made of it by an edit."""
    ours = services(request)
    letter = await known_letter(ours, request.match_info["letter_id"])
    original, edited = await versions(ours, letter)
    shown = presentation.message(letter)
    return json_answer(
        {**shown, "original": await version(ours.codec, original), "edited": await version(ours.codec, edited)}
    )


async def known_letter(ours: Services, letter_id: str) -> Fields:
    """The newest state that has been seen; raises ProblemError (404) where there is none."""
    row = await asyncio.to_thread(ours.reader.letter, letter_id)
    if row is None:
        raise ProblemError(404, "not-found", "No letter of this id has been seen, or not yet.")
    return (await ours.codec.decode_learning(row["message"]))[1]


async def versions(ours: Services, letter: Mapping[str, Any]) -> tuple[RawRecord | None, RawRecord | None]:
    """The record as it came, and as it was edited; None where it is held no longer, or was not edited."""
    held = await ours.record_at(letter["held_topic"], letter["partition"], letter["held_offset"])
    if held is not None and letter["held_topic"] == PARKING.name:
        found = came_from(Record("", 0, 0, 0, None, None, held.headers))
        held = held._replace(headers=list(found[1])) if found else held
    if letter["edited_offset"] is None:
        return held, None
    action = await ours.record_at(ACTIONS.name, letter["partition"], letter["edited_offset"])
    if action is None or action.value is None:
        return held, None
    value = (await ours.codec.decode_learning(action.value))[1]["value"]
    return held, RawRecord(held.key, value, held.headers) if held else RawRecord(None, value, [])


async def version(codec: Codec, record: RawRecord | None) -> Fields | None:
    """A record as people read it; None where it is held no longer."""
    if record is None:
        return None
    name, data = await _said(codec, record.value)
    headers = [{"name": each, "value": text.decode(errors="replace")} for each, text in record.headers]
    return {
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "headers": headers,
        "value": None if record.value is None else base64.b64encode(record.value).decode(),
        "message": name,
        "data": data,
    }


async def _said(codec: Codec, value: bytes | None) -> tuple[str | None, Any]:
    """What a value says: the Avro record's full name and its data, or JSON; neither where nobody can read it."""
    if value is None:
        return None, None
    try:
        name, data = await codec.decode_learning(value)
    except (UndecodableRecord, RegistryError):
        try:
            return None, orjson.loads(value)
        except orjson.JSONDecodeError:
            return None, None
    return name, await _readable(codec, data)


async def _readable(codec: Codec, data: Any) -> Any:
    """Avro data as JSON; what is JSON or a message within it, as such."""
    if isinstance(data, Mapping):
        return {name: await _readable(codec, each) for name, each in data.items()}
    if isinstance(data, list):
        return [await _readable(codec, each) for each in data]
    if isinstance(data, Payload):
        try:
            return data.value()
        except UnreadablePayloadError:
            return None
    if isinstance(data, bytes):
        name, said = await _said(codec, data)
        return to_json(data) if said is None else said if name is None else {"message": name, "data": said}
    return to_json(data)


LIST_QUERY = (
    Parameter("kind", "parked: a record that nobody could use; dead: a step that failed.", text_of((PARKED, DEAD))),
    Parameter("status", "What was decided; undecided is open and edited.", text_of((*STATUSES, UNDECIDED))),
    Parameter("topic", "Topic on which it came."),
    Parameter("processor", "Who could not use it."),
    Parameter("reason", "A part of the reason, such as UNREACHED."),
    Parameter("workflow", "Name of the workflow; of dead letters only."),
    Parameter("instance_id", "Those of one instance; of dead letters only."),
    Parameter("since", "Written at this time (RFC 3339) or later."),
    Parameter("until", "Written before this time (RFC 3339)."),
    LIMIT,
    CURSOR,
)

ROUTES = (
    Route(
        method="GET",
        path="/v1/letters",
        handler=list_letters,
        summary="Find parked records and dead letters, the oldest first.",
        answers={200: object_of({"letters": list_of(LETTER_SHOWN), "next": OPTIONAL_TEXT, "unreadable": UNREADABLE})},
        problems=(400, 503),
        query=LIST_QUERY,
        verb="letters list",
    ),
    Route(
        method="GET",
        path="/v1/letters/{letter_id}",
        handler=show_letter,
        summary="Show a letter with its bytes and headers, as it came and as it was edited.",
        answers={200: object_of({**LETTER_SHOWN["properties"], "original": _VERSION, "edited": _VERSION})},
        problems=(404, 503),
        verb="letters show",
    ),
)
