"""What somebody wants of a replay, checked before it begins: events, definitions and models, and what may be done."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from schemas.cloudevents import parse_time_ms
from schemas.ids import event_key
from schemas.lifecycle import OF_INSTANCES
from streams.definitions.book import Deployed
from streams.gateway.own import known_functions
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services
from streams.language import UNNAMED, load
from streams.language.expressions import ProgramError, expression
from streams.processors.decide.places import folders
from streams.processors.decide.states import ModelBook
from streams.processors.plain import JSON_EVENTS, topics_of_settings
from streams.processors.replay import ReplaySettings
from streams.processors.replay.answers import Effects
from streams.processors.replay.request import USUAL_RATE, Candidate, Request
from streams.processors.replay.tale import NONE

Fields = Mapping[str, Any]
MEMBERS: Mapping[str, type] = {
    "topics": list, "since": str, "until": str, "offsets": list, "types": list, "sources": list, "subjects": list,
    "outcomes": list, "error": str, "where": str, "definition": str, "yaml": str, "models": list, "effects": str,
    "sure": bool, "name": str, "rate": object, "dry_run": bool, "live": bool, "why": str, "actor": str,
}  # fmt: skip
JSON_TYPES: Mapping[type, Mapping[str, Any]] = {
    str: {"type": "string"}, list: {"type": "array"}, bool: {"type": "boolean"}, object: {"type": "number"},
}  # fmt: skip
MAX_YAML_BYTES = 512 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LISTS = ("topics", "types", "sources", "subjects", "outcomes", "models")


def refused(detail: str, status: int = 422) -> ProblemError:
    """What cannot be done as it was asked for."""
    return ProblemError(status, "request-invalid", detail)


def name_of(ours: Services, wish: Fields, key: str | None) -> str:
    """The name of the replay, unless it is given: after its first topic, and what the request is known by when it is
    sent again; where that is nothing, the time.
    """
    at = datetime.fromtimestamp(ours.clock(), UTC)
    made = f"{wish['topics'][0]}-" + (f"{at:%Y%m%d-%H%M%S}" if key is None else event_key("replay", key))
    name = wish.get("name") or re.sub(r"[^A-Za-z0-9._-]", "-", made)
    if not _NAME.fullmatch(name):
        raise refused("name: write letters, digits, dots, hyphens and underscores, at most 100.")
    return str(name)


async def request_of(ours: Services, wish: Fields) -> Request:
    """The request; raises ProblemError, or what reading a definition raises."""
    for name in _LISTS:
        if not all(isinstance(each, str) and 0 < len(each) <= 500 for each in wish.get(name) or ()):
            raise refused(f"{name}: a list of texts.")
    topics = tuple(dict.fromkeys(wish["topics"]))
    if not topics:
        raise refused("topics: name at least one business topic.")
    there = await ours.topics_there(ours.settings)
    missing = [each for each in topics if each not in there]
    if missing:
        raise refused(f"There is no topic {missing[0]}; `exlify topics` lists those that there are.", 404)
    plain = {JSON_EVENTS.name, *(each.name for each in topics_of_settings(ours.settings))}
    if passing := [each for each in topics if each in plain]:
        theirs = ", ".join(ours.types.topics())
        raise refused(f"The events of {passing[0]} are plain JSON and go on to a topic of their type: replay {theirs}.")
    definitions = await _definitions(ours, wish, topics)
    effects = _effects(wish)
    if wish.get("live"):
        _check_live(wish, effects)
    return Request(
        topics=topics,
        since_ms=_time(wish, "since"),
        until_ms=_time(wish, "until"),
        offsets=_offsets(wish, topics),
        types=tuple(wish.get("types") or ()),
        sources=tuple(wish.get("sources") or ()),
        subjects=tuple(wish.get("subjects") or ()),
        outcomes=_outcomes(wish),
        error=wish.get("error") or "",
        where=_where(wish),
        definitions=definitions,
        models=await asyncio.to_thread(_models, ours, wish),
        effects=effects,
        rate=_rate(ours, wish),
        live=bool(wish.get("live")),
    )


def _check_live(wish: Fields, effects: Effects) -> None:
    """What is not yet cannot be counted, and the live run has had the effects."""
    if not (wish.get("yaml") or wish.get("definition") or wish.get("models")):
        raise refused("live: give the definition or the model that is to stand beside what is in force.")
    given = [name for name in ("since", "offsets", "dry_run") if wish.get(name)]
    if given or effects is not Effects.OFF:
        raise refused(f"live: from now on and without effects, so not with {given[0] if given else 'effects'}.")


async def _definitions(ours: Services, wish: Fields, topics: tuple[str, ...]) -> dict[str, Candidate]:
    """What the events are processed with, by workflow: the candidate, or all that wait for such events now."""
    yaml, named = wish.get("yaml"), wish.get("definition")
    if yaml is not None:
        if len(yaml.encode()) > MAX_YAML_BYTES:
            raise refused(f"yaml: at most {MAX_YAML_BYTES} bytes.")
        graph = load(yaml, UNNAMED, await known_functions(ours))
        return {graph.name: Candidate(digest=graph.digest, yaml=yaml)}
    if named is not None:
        found = _named(ours, named)
        return {found.name: Candidate(digest=found.digest)}
    known = (ours.definitions.latest(name) for name in sorted({each.name for each in ours.definitions.deployed()}))
    untyped = not set(topics) <= set(ours.types.topics())  # such a topic may carry events of any type
    waiting = {
        graph.name: Candidate(digest=graph.digest)
        for graph in known
        if graph and any(untyped or ours.types.of(each).topic in topics for each in graph.event_types)
    }
    if not waiting:
        raise refused("No workflow waits for events of these topics: deploy one, or give a definition.")
    return waiting


def _named(ours: Services, named: str) -> Deployed:
    name, _, version = named.partition("@")
    found = ours.definitions.named(name, version) if version else ours.definitions.find(named)
    if found is None or found.graph is None:
        raise refused(f"No definition {named[:100]} is deployed: write NAME@VERSION, a name or a digest.", 404)
    return found


def _models(ours: Services, wish: Fields) -> dict[str, str]:
    if not wish.get("models"):
        return {}
    there = ModelBook(folders(ours.settings)).versions()
    found = {}
    for each in wish["models"]:
        name, _, version = each.partition("@")
        if (name, version) not in there:
            known = ", ".join("@".join(pair) for pair in there if pair[0] == name) or "none of this name"
            raise refused(f"There is no model {each[:100]}; there are: {known}.", 404)
        found[name] = version
    return found


def _effects(wish: Fields) -> Effects:
    try:
        effects = Effects(wish.get("effects") or Effects.OFF)
    except ValueError:
        raise refused(f"effects: one of {', '.join(Effects)}.") from None
    if effects is Effects.ON and not wish.get("sure"):
        raise refused("effects on: systems would really be called, once more for each event. Say that you are sure.")
    return effects


def _outcomes(wish: Fields) -> tuple[str, ...]:
    allowed = (*OF_INSTANCES, NONE)
    given = tuple(wish.get("outcomes") or ())
    if any(each not in allowed for each in given):
        raise refused(f"outcomes: of {', '.join(allowed)}.")
    return given


def _where(wish: Fields) -> str:
    where: str = wish.get("where") or ""
    try:
        if where:
            expression(where)
    except ProgramError as error:
        raise refused(f"where: no jq, {error}") from None
    return where


def _rate(ours: Services, wish: Fields) -> float:
    most = ours.settings.of(ReplaySettings).max_rate
    rate = USUAL_RATE if wish.get("rate") is None else wish["rate"]
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= most:
        raise refused(f"rate: events a second, more than 0 and at most {most} (EXLIFY_REPLAY_MAX_RATE).")
    return float(rate)


def _offsets(wish: Fields, topics: tuple[str, ...]) -> tuple[tuple[int, int, int], ...]:
    given = wish.get("offsets") or []
    if given and (len(topics) > 1 or wish.get("since") or wish.get("until")):
        raise refused("offsets: of one topic, and without since and until.")
    for each in given:
        numbers = isinstance(each, list) and len(each) == 3 and all(type(number) is int for number in each)
        if not numbers or min(each) < 0 or each[1] >= each[2]:
            raise refused("offsets: a list of [partition, first, the one behind the last].")
    return tuple((each[0], each[1], each[2]) for each in given)


def _time(wish: Fields, name: str) -> int | None:
    if wish.get(name) is None:
        return None
    try:
        return parse_time_ms(wish[name])
    except (ValueError, OverflowError):
        raise refused(f"{name}: a time such as 2026-01-31T08:30:00Z.") from None
