"""`/workflows/{name}/replay`: events of a workflow are processed anew, or a shadow goes along with those to come.

The form is counted first, where somebody wants that: how many events are meant, and some of them. What is really done
once more (`--effects on`) is asked for at the command line only.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from schemas.times import rfc3339
from streams.console.instances import AGES
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, require
from streams.console.workflows import brief, chosen_of, known_versions, latest
from streams.definitions.book import Deployed
from streams.gateway.bodies import MAX_LINE_LENGTH
from streams.gateway.own import known_functions
from streams.gateway.problems import ProblemError, definition_faults, problem_of
from streams.gateway.replay_wishes import MAX_YAML_BYTES
from streams.gateway.replays import begun, counted
from streams.ground.errors import UsageError
from streams.language import UNNAMED, DefinitionError, load
from streams.processors.decide.places import folders
from streams.processors.decide.states import ModelBook
from streams.processors.replay.request import USUAL_RATE

PAST, LIVE = "past", "live"
WRITTEN = "written"  # in place of the digest of a version: what stands in the field
EFFECTS = ("off", "read")
OUTCOMES = ("completed", "faulted", "cancelled")
USUAL = {"events": PAST, "age": "7d", "definition": "", "yaml": "", "model": "", "outcome": "", "effects": "off",
         "rate": f"{USUAL_RATE:g}", "name": "", "why": ""}  # fmt: skip


async def show(visit: Visit) -> View:
    """The form."""
    asked = {name: visit.query(name) or usual for name, usual in USUAL.items()}
    if asked["definition"] != WRITTEN:
        chosen_of(visit, known_versions(visit, visit.request.match_info["name"]), "definition")
    return await _view(visit, asked)


async def act(visit: Visit) -> Shown:
    """Counts the events that are meant, or has the replay begin."""
    name = visit.request.match_info["name"]
    require(visit.actor, Act.START, Target("replay", name))
    form = await visit.form()
    asked = {each: form.get(each, "").replace("\r\n", "\n").strip() for each in USUAL}
    try:
        wish = await _wish(visit, asked)
        if form.get("do") != "start":
            return await _view(visit, asked, survey=await counted(visit.services, _past(wish, visit.now_ms)))
        key = (form.get("action_id") or uuid.uuid4().hex)[:100]
        made, row = await begun(visit.services, wish | {"actor": visit.actor.name}, key, named=True)
    except DefinitionError as error:
        return await _view(visit, asked, faults=definition_faults(error.faults), status=422)
    except (ProblemError, UsageError) as error:
        told = problem_of(error, visit.request)
        return await _view(visit, asked, fault=told.detail, status=told.status)
    if row is not None and row["refused"] is not None:
        return await _view(visit, asked, fault=row["refused"], status=409)
    return see_other("/replays" if row is None else f"/replays/{quote(made, safe='')}")


async def _wish(visit: Visit, asked: Mapping[str, str]) -> dict[str, Any]:
    """What the form asks for, as the interface takes it."""
    deployed = _deployed(visit)
    types = await _event_types(visit, asked, deployed)
    if not types:
        raise ProblemError(409, "no-event", "No event starts this workflow, so there is nothing to process anew.")
    wish: dict[str, Any] = {
        "topics": list(dict.fromkeys(visit.services.types.of(each).topic for each in types)),
        "types": list(types),
        "effects": asked["effects"] or "off",
        "rate": _rate(asked["rate"]),
        "live": asked["events"] == LIVE,
    }
    if asked["age"] in AGES:
        live, age = wish["live"], AGES[asked["age"]]
        wish["until" if live else "since"] = rfc3339(visit.now_ms + (age if live else -age))
    if asked["definition"] == WRITTEN:
        wish["yaml"] = asked["yaml"]
    else:
        # The workflow of this page alone, though others may wait for such events, too.
        wish["definition"] = asked["definition"] or deployed.digest
    wish |= {each: asked[each] for each in ("name", "why") if asked[each]}
    wish |= {f"{each}s": [asked[each]] for each in ("model", "outcome") if asked[each]}
    if wish["live"] and asked["definition"] in ("", deployed.digest) and not asked["model"]:
        detail = "A shadow stands beside what is in force: choose another version or another model, or write one."
        raise ProblemError(422, "request-invalid", detail)
    return wish


def _past(wish: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """What can be counted: of a shadow, whose events are to come, those of the last day."""
    if not wish["live"]:
        return dict(wish)
    past = {name: value for name, value in wish.items() if name not in ("live", "until")}
    return past | {"since": rfc3339(now_ms - AGES["24h"])}


def _rate(text: str) -> float:
    try:
        return float(text or USUAL_RATE)
    except ValueError:
        raise ProblemError(422, "request-invalid", "rate: write events a second, as a number.") from None


async def _event_types(visit: Visit, asked: Mapping[str, str], deployed: Deployed) -> Sequence[str]:
    """What starts the version that is chosen, or written; of one too long to be read the interface says so."""
    digest, yaml = asked["definition"], asked["yaml"]
    if digest == WRITTEN and len(yaml.encode()) <= MAX_YAML_BYTES:
        return load(yaml, UNNAMED, await known_functions(visit.services)).event_types
    known = known_versions(visit, deployed.name)
    return next((each.event_types for each in known if each.digest == digest), deployed.event_types)


def _deployed(visit: Visit) -> Deployed:
    name = visit.request.match_info["name"]
    return latest(visit, name, known_versions(visit, name))


async def _view(
    visit: Visit,
    asked: Mapping[str, str],
    *,
    survey: dict[str, Any] | None = None,
    fault: str = "",
    faults: Sequence[Mapping[str, Any]] = (),
    status: int = 200,
) -> View:
    name = visit.request.match_info["name"]
    known = known_versions(visit, name)
    deployed = latest(visit, name, known)
    versions = await asyncio.to_thread(ModelBook(folders(visit.services.settings)).versions)
    data = {
        "workflow": brief(visit, deployed),
        "versions": [brief(visit, each) for each in reversed(known) if each.graph is not None],
        "asked": dict(asked),
        "survey": survey,
        "fault": fault,
        "faults": faults,
    }
    drawn = {
        "models": ["@".join(pair) for pair in versions],
        "outcomes": OUTCOMES,
        "effects_known": EFFECTS,
        "written": WRITTEN,
        "action_id": uuid.uuid4().hex,
        "max_reason": MAX_LINE_LENGTH,
        "source": asked["yaml"] or deployed.yaml,
    }
    return View(template="replay_start.html", data=data, drawn=drawn, status=status)


PAGES = (
    Page(path="/workflows/{name}/replay", show=show, section="/workflows"),
    Page(path="/workflows/{name}/replay", show=act, section="/workflows", method="POST"),
)
