"""`/deploy`: a definition is written or pasted, checked line by line, and deployed; and `/workflows/{name}/start`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from aiohttp import web

from schemas.cloudevents import CloudEvent, InvalidEventError
from schemas.functions import Function
from streams.console import drawing
from streams.console.diagram.svg import Told
from streams.console.forms import FormFaultError, data_of, fields_of
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, require
from streams.definitions.book import Deployed
from streams.definitions.deploy import deploy
from streams.gateway.definitions import replaced
from streams.gateway.events import accept
from streams.gateway.own import known_functions
from streams.gateway.problems import ProblemError
from streams.language import UNNAMED, DefinitionError, Fault, check, load
from streams.language.faults import errors_of
from streams.language.schema import JsonSchema

SOURCE = "/console"
EXAMPLE = """\
document: {dsl: '1.0.3', namespace: examples, name: greeting, version: '1.0.0'}
schedule:
  on:
    one: {with: {type: com.example.guest-arrived.v1}}
do:
  - greet:
      set: {greeting: '${ "Welcome, \\(.name)" }'}
"""


async def show(visit: Visit) -> View:
    """The form, with the text of a version that is to be changed, or with an example."""
    found = visit.services.definitions.find(visit.query("from")) if visit.query("from") else None
    return _view(found.yaml if found else EXAMPLE, [], checked=False)


async def act(visit: Visit) -> Shown:
    """Checks the text; deploys it where that was asked for and it has no error."""
    form = await visit.request.post()
    text = await _text(form.get("file"), str(form.get("yaml", "")))
    functions = await known_functions(visit.services)
    faults = await asyncio.to_thread(check, text, UNNAMED, functions)
    if form.get("do") != "deploy" or errors_of(faults):
        status = 422 if errors_of(faults) else 200
        picture = "" if errors_of(faults) else await asyncio.to_thread(_picture, text, functions)
        return replace(_view(text, faults, checked=True, picture=picture), status=status)
    ours = visit.services
    require(visit.actor, Act.DEPLOY, Target("workflow"))
    try:
        replaced(ours, await asyncio.to_thread(load, text, UNNAMED, functions), meant=False)
        graph = await deploy(ours.publisher, ours.codec, ours.settings, text, functions, by=visit.actor.name)
    except DefinitionError as error:
        return replace(_view(text, list(error.faults), checked=True), status=422)
    await ours.definitions.wait_for(graph.digest, ours.answer_timeout_s)
    return see_other(f"/workflows/{quote(graph.name, safe='')}?digest={graph.digest}")


async def _text(file: object, written: str) -> str:
    if not isinstance(file, web.FileField) or not file.filename:
        return written.replace("\r\n", "\n")
    try:
        return (await asyncio.to_thread(file.file.read)).decode()
    except UnicodeDecodeError:
        raise ProblemError(400, "encoding", "The definition must be UTF-8 text.") from None


def _view(text: str, faults: Sequence[Fault], *, checked: bool, picture: str = "") -> View:
    told = [
        {name: getattr(fault, name) for name in ("line", "column", "severity", "code", "message", "remedy")}
        for fault in faults
    ]
    data = {"yaml": text, "faults": told, "checked": checked, "errors": len(errors_of(faults))}
    lines = text.split("\n")
    shown = {fault["line"]: lines[fault["line"] - 1] for fault in told if 0 < fault["line"] <= len(lines)}
    return View(template="deploy.html", data=data, drawn={"lines": shown, "picture": picture})


def _picture(text: str, functions: Mapping[str, Function]) -> str:
    graph = load(text, UNNAMED, functions)
    return drawing.drawn(graph, Told(), narrow=True)


async def show_start(visit: Visit) -> View:
    """The form of an event that starts the workflow."""
    return _start(_startable(visit), {}, "")


async def act_start(visit: Visit) -> Shown:
    """Publishes the event, and leads to the instance that it starts."""
    deployed = _startable(visit)
    require(visit.actor, Act.START, Target("workflow", deployed.name))
    form = await visit.request.post()
    posted = {name: [each for each in form.getall(name) if isinstance(each, str)] for name in form}
    schema = _schema(deployed)
    try:
        data = data_of(_fields(schema), posted)
        data = {} if data is None else data
        if schema is not None and (fault := JsonSchema(schema).check(data)):
            raise FormFaultError(f"The data does not follow the schema of the workflow: {fault}")
        event = CloudEvent(_attributes(visit, deployed, posted), data)
        (receipt,), _ = await accept(visit.services, [event])
    except (FormFaultError, InvalidEventError) as error:
        return replace(_start(deployed, posted, str(error)), status=422)
    ours = [each for each in receipt["instances"] if each["workflow"] == deployed.name]
    return see_other(f"/instances/{ours[0]['instance_id']}" if ours else "/instances")


def _attributes(visit: Visit, deployed: Deployed, posted: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Those of the event: what the workflow waits for, and an id of its own, so that a form sent twice starts one."""
    graph = deployed.graph
    wanted = {name: str(value) for name, value in (graph.event_filters[0] if graph else {}).items()}
    subject = (posted.get("subject") or [""])[0].strip()
    given = {"specversion": "1.0", "id": (posted.get("event_id") or [uuid.uuid4().hex])[0][:64], "source": SOURCE}
    return {**given, **({"subject": subject} if subject else {}), **wanted}


def _startable(visit: Visit) -> Deployed:
    """The version that new instances start on; raises ProblemError where no event starts it."""
    found = visit.services.definitions.find(visit.request.match_info["name"])
    if found is None or found.graph is None or found.name != visit.request.match_info["name"]:
        raise ProblemError(404, "not-found", "No workflow of this name can be started, or not yet.")
    if (state := visit.services.definitions.state(found.name)) != "active":
        raise ProblemError(409, "not-active", f"{found.name} is {state}, so nothing starts: activate it first.")
    if not found.graph.event_filters:
        why = "Several events, or what stands in them, start" if found.event_types else "No event starts"
        raise ProblemError(409, "no-event", f"{why} this workflow.")
    return found


def _schema(deployed: Deployed) -> Any:
    """The JSON Schema of what the workflow takes; None where it does not say."""
    written = deployed.graph.document.get("input") if deployed.graph else None
    schema = written.get("schema") if isinstance(written, dict) else None
    return schema.get("document") if isinstance(schema, dict) else None


def _fields(schema: Any) -> Any:
    """The fields of the schema; where it names none, one for all."""
    found = fields_of(schema) if isinstance(schema, dict) and schema.get("properties") else ()
    return found or tuple(replace(each, label="Data of the event, as JSON") for each in fields_of({"type": "array"}))


def _start(deployed: Deployed, posted: Mapping[str, Sequence[str]], fault: str) -> View:
    data = {"name": deployed.name, "version": deployed.version, "event_type": deployed.event_types[0], "fault": fault}
    drawn = {"fields": _fields(_schema(deployed)), "posted": posted, "event_id": uuid.uuid4().hex}
    return View(template="start.html", data=data, drawn=drawn)


PAGES = (
    Page(path="/deploy", show=show, section="/workflows"),
    Page(path="/deploy", show=act, section="/workflows", method="POST", files=True),
    Page(path="/workflows/{name}/start", show=show_start, section="/workflows"),
    Page(path="/workflows/{name}/start", show=act_start, section="/workflows", method="POST"),
)
