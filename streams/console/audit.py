"""`/audit`: who did what here, the newest first, about tasks, failed steps, instances, workflows, systems and so on.

Told from what they changed, so it is as true as that: tasks know their newest acts, an incident who decided about it,
a cancelled instance who ended it, a system and a workflow the last word about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from models.serving.shelf import Rival
from schemas.codec import UndecodableRecord
from schemas.messages import ALERT_ACTION, LETTER_ACTION, MODEL_STATE
from streams.console import queries
from streams.console.control import DID
from streams.console.inbox import task_path
from streams.console.incidents import titles_of
from streams.console.page import Page, View, Visit
from streams.console.topics import latest
from streams.definitions.states import State
from streams.processors import escalate
from streams.processors.call.deliveries import FAILED
from streams.processors.decide import STATES
from streams.processors.escalate.alert import ACK
from streams.processors.human.rules import CLAIM, COMPLETE, DELEGATE, HAND_ON, PUT_ASIDE, RELEASE, REMIND, UNDO
from streams.processors.letters import ACTIONS
from streams.processors.letters.letter import DROP, EDIT, REDRIVE
from streams.readmodel.stored import stored

ROWS = 50
LAST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody did."""

    at_ms: int
    actor: str
    did: str
    what: str
    path: str
    why: str = ""


async def show(visit: Visit) -> View:
    """The newest deeds, of one kind or of all that need not be looked for."""
    of = visit.query("of") if visit.query("of") in KINDS else ""
    text = visit.query("before")
    before_ms = int(text) if text.isascii() and text.isdigit() and len(text) < 17 else LAST
    chosen = [KINDS[of]] if of else [find for name, find in KINDS.items() if name not in ASKED_OF_KAFKA]
    found = [deed for find in chosen for deed in await find(visit, before_ms) if deed.at_ms < before_ms]
    found.sort(key=lambda deed: -deed.at_ms)
    more: dict[str, Any] = {}
    if len(found) > ROWS:
        more = {"before": _before(found[ROWS - 1].at_ms, before_ms), **({"of": of} if of else {})}
    data = {
        "deeds": [asdict(deed) for deed in found[:ROWS]],
        "of": of,
        "kinds": tuple(KINDS),
        "left_out": ASKED_OF_KAFKA,
        "next": f"/audit?{urlencode(more)}" if more else None,
    }
    return View(template="audit.html", data=data)


def _before(last_ms: int, before_ms: int) -> int:
    """Where the next page begins: at the last deed, shown again, so that none of the same moment is lost."""
    return last_ms + 1 if last_ms + 1 < before_ms else last_ms


async def _tasks(visit: Visit, before_ms: int) -> list[Deed]:
    rows = await asyncio.to_thread(queries.changed_tasks, visit.services.reader, before_ms, ROWS + 1)
    tasks = (await stored(visit.services.codec, rows)).messages
    return [deed for task in tasks for deed in _of_task(task)]


def _of_task(task: Mapping[str, Any]) -> Iterator[Deed]:
    about = {"what": task["title"], "path": task_path(task["task_id"])}
    for act in task["acts"]:
        did = _DONE.get(act["action"], act["action"])
        if act["action"] == COMPLETE and act["action_id"] == task["last_action_id"] and task["outcome"]:
            did = f"answered {task['outcome']} to"
        yield Deed(at_ms=act["at_ms"], actor=act["actor"], did=did, **about)
    if task["outcome"] and not task["acts"]:  # of a version that kept no acts
        yield Deed(
            at_ms=task["updated_at_ms"], actor=task["completed_by"], did=f"answered {task['outcome']} to", **about
        )


_DONE = {
    CLAIM: "claimed",
    RELEASE: "released",
    PUT_ASIDE: "put aside",
    DELEGATE: "gave to a colleague",
    COMPLETE: "answered",
    HAND_ON: "handed on",
    REMIND: "reminded of",
    UNDO: "took back the answer to",
}


async def _steps(visit: Visit, before_ms: int) -> list[Deed]:
    titles = titles_of(visit)
    rows = await asyncio.to_thread(queries.decided_incidents, visit.services.reader, before_ms, ROWS + 1)
    return [
        Deed(
            at_ms=each["closed_at_ms"],
            actor=each["actor"],
            did={"failed": "made an end at"}.get(each["status"], each["status"]),
            what=f"{_title(titles, each)} of {each['business_key'] or each['instance_id'][:8]}",
            path=f"/instances/{each['instance_id']}",
            why=each["why"] or "",
        )
        for each in (await stored(visit.services.codec, rows)).messages
    ]


def _title(titles: Mapping[tuple[str, str, str], str], incident: Mapping[str, Any]) -> str:
    found = titles.get((incident["workflow"], incident["version"], incident["pointer"]))
    return f"“{found}”" if found else str(incident["pointer"])


async def _instances(visit: Visit, before_ms: int) -> list[Deed]:
    rows = await asyncio.to_thread(queries.acts, visit.services.reader, before_ms, ROWS + 1)
    found = [
        Deed(
            at_ms=row["at_ms"],
            actor=row["actor"],
            did=DID.get(row["action"], row["action"]) + (", in vain," if row["refused"] else ""),
            what=row["business_key"] or row["instance_id"][:8],
            path=f"/instances/{row['instance_id']}",
            why=row["why"],
        )
        for row in rows
    ]
    for row in await asyncio.to_thread(queries.cancelled, visit.services.reader, before_ms, ROWS + 1):
        said = orjson.loads(row["error"] or "{}")
        if said.get("actor"):
            found.append(
                Deed(
                    at_ms=row["updated_at_ms"],
                    actor=str(said["actor"]),
                    did="cancelled",
                    what=row["business_key"] or row["instance_id"][:8],
                    path=f"/instances/{row['instance_id']}",
                    why=str(said.get("reason") or ""),
                )
            )
    return found


async def _workflows(visit: Visit, before_ms: int) -> list[Deed]:
    said = [
        Deed(
            at_ms=each.at_ms,
            actor=each.actor,
            did={State.ACTIVE: "activated"}.get(each.state, each.state.value),
            what=each.name,
            path=f"/workflows/{quote(each.name, safe='')}",
            why=each.why,
        )
        for each in visit.services.definitions.words()
    ]
    removed = [
        Deed(
            at_ms=each.at_ms,
            actor=each.actor,
            did="removed",
            what=f"{each.name} {each.version}",
            path=f"/workflows/{quote(each.name, safe='')}",
            why=each.why,
        )
        for each in visit.services.definitions.removals()
    ]
    return [*said, *removed] + [
        Deed(
            at_ms=each.deployed_at_ms,
            actor=each.deployed_by,
            did="deployed",
            what=f"{each.name} {each.version}",
            path=f"/workflows/{quote(each.name, safe='')}?digest={each.digest}",
        )
        for each in visit.services.definitions.ever()
    ]


async def _systems(visit: Visit, before_ms: int) -> list[Deed]:
    return [
        Deed(
            at_ms=each.at_ms,
            actor=each.actor,
            did="paused" if each.paused else "resumed",
            what=each.connection,
            path=f"/systems#s-{quote(each.connection, safe='')}",
            why=each.why,
        )
        for each in visit.services.pauses.said()
    ]


async def _deliveries(visit: Visit, before_ms: int) -> list[Deed]:
    rows = await asyncio.to_thread(queries.redeliveries, visit.services.reader, before_ms, ROWS + 1)
    return [
        Deed(
            at_ms=each["at_ms"],
            actor=each["actor"],
            did="sent once more" + (", in vain," if each["status"] == FAILED else ""),
            what=f"a webhook to {each['connection']}",
            path=f"/instances/{each['instance_id']}",
            why=each["why"],
        )
        for each in (await stored(visit.services.codec, rows)).messages
    ]


async def _models(visit: Visit, before_ms: int) -> list[Deed]:
    found: dict[tuple[int, str], Deed] = {}
    for _, data in await _latest(visit, STATES.name, MODEL_STATE):
        found |= {(deed.at_ms, deed.what): deed for deed in _of_model(data)}
    return list(found.values())


async def _latest(visit: Visit, topic: str, wanted: str) -> list[tuple[int, dict[str, Any]]]:
    """The newest messages of a topic with their times, asked of Kafka itself."""
    found = []
    for raw in await asyncio.to_thread(latest, visit.services.settings, topic):
        try:
            message, data = await visit.services.codec.decode_learning(raw["value"] or b"")
        except UndecodableRecord:
            continue
        if message == wanted:
            found.append((raw["at_ms"], data))
    return found


async def _replays(visit: Visit, before_ms: int) -> list[Deed]:
    rows = await asyncio.to_thread(queries.replays_begun, visit.services.reader, before_ms, ROWS + 1)
    return [
        Deed(
            at_ms=each["started_at_ms"],
            actor=each["actor"],
            did="began the replay",
            what=each["name"],
            path=f"/replays/{quote(each['name'], safe='')}",
        )
        for each in (await stored(visit.services.codec, rows)).messages
    ]


async def _alerts(visit: Visit, before_ms: int) -> list[Deed]:
    """What was asked for, as of letters."""
    return [
        Deed(
            at_ms=at_ms,
            actor=data["actor"],
            did=f"asked to {_wished(data)}",
            what=f"alert {data['alert_id'][:8]}",
            path=f"/alerts#a-{quote(data['alert_id'], safe='')}",
            why=data["why"],
        )
        for at_ms, data in await _latest(visit, escalate.ACTIONS.name, ALERT_ACTION)
    ]


def _wished(action: Mapping[str, Any]) -> str:
    if action["action"] == ACK:
        return "take on"
    return "silence" if action["until_ms"] else "end the silence of"


async def _letters(visit: Visit, before_ms: int) -> list[Deed]:
    """What was asked for; the page of a letter tells what became of it."""
    return [
        Deed(
            at_ms=at_ms,
            actor=data["actor"],
            did={REDRIVE: "asked to send once more", DROP: "asked to drop", EDIT: "edited"}.get(data["action"], ""),
            what=f"letter {data['letter_id'][:12]}",
            path=f"/letters/{quote(data['letter_id'], safe='')}",
            why=data["why"],
        )
        for at_ms, data in await _latest(visit, ACTIONS.name, LETTER_ACTION)
    ]


def _of_model(model: Mapping[str, Any]) -> Iterator[Deed]:
    path = f"/decisions/{quote(model['name'], safe='')}"
    for each in model["changes"]:
        if not each["by"]:
            continue  # it stood in the files before anybody did anything
        rival = Rival(each["rival"], share=each["share"]) if each["rival"] else None
        yield Deed(
            at_ms=each["from_ms"],
            actor=each["by"],
            did={"active": "put into force", "suspended": "suspended", "retired": "retired"}.get(each["state"], ""),
            what=f"{model['name']} {each['version']}" + (f", {rival.words}" if rival else ""),
            path=path,
            why=each["why"],
        )


ALERTS, LETTERS, MODELS = "alerts", "letters", "models"
ASKED_OF_KAFKA = (ALERTS, LETTERS, MODELS)  # the newest only, and only where they are asked for
KINDS: Mapping[str, Callable[[Visit, int], Awaitable[list[Deed]]]] = {
    "tasks": _tasks,
    "failed steps": _steps,
    "instances": _instances,
    "workflows": _workflows,
    "systems": _systems,
    "webhooks": _deliveries,
    "replays": _replays,
    ALERTS: _alerts,
    LETTERS: _letters,
    MODELS: _models,
}

PAGES = (Page(path="/audit", show=show, section="/audit", live=True),)
