"""`/v1/definitions`: which workflows can run, what runs where, and a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.times import rfc3339
from streams.definitions.book import Deployed
from streams.definitions.deploy import deploy
from streams.definitions.outcome_types import incompatible
from streams.definitions.states import State
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.bodies import LINE, one_line, read_body
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.own import known_functions
from streams.gateway.problems import ProblemError, definition_faults
from streams.gateway.services import Services, services
from streams.gateway.settings import REPLACES, may_replace
from streams.language import UNNAMED, check, load
from streams.language.graph import PRIORITIES, Graph

YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")

BRIEF: Schema = object_of(
    {
        "digest": TEXT,
        "name": TEXT,
        "version": TEXT,
        "namespace": TEXT,
        "event_types": list_of(TEXT),
        "deployed_at": TEXT,
    },
    deployed_by=TEXT,
    latest={"type": "boolean"},
    fault=OPTIONAL_TEXT,
    state={**text_of(State), "description": "Of its workflow: whether it may start instances."},
    open={"type": "integer", "description": "Instances on this version that have not ended."},
    held={"type": "integer", "description": "Events that wait: it is paused, or others have a higher priority."},
    priority={"enum": [*PRIORITIES, None], "description": "Whose starts come first; null if it cannot run."},
)


async def list_definitions(request: web.Request) -> web.Response:
    """Every version of every workflow that was deployed."""
    ours = services(request)
    told = await _counts(ours)
    return json_answer({"definitions": [_brief(ours, each, told) for each in ours.definitions.deployed()]})


async def show_definition(request: web.Request) -> web.Response:
    """One version by digest, or the latest of a workflow by name, or another of its versions, as it was written."""
    ours, reference = services(request), request.match_info["reference"]
    found = meant(ours, reference, read_query(request, SHOW_QUERY).get("version"))
    word = ours.definitions.word(found.name)
    said = None if word is None else {"why": word.why, "actor": word.actor, "at": rfc3339(word.at_ms)}
    gone = ours.definitions.removal(found.digest)
    removed = None if gone is None else {"why": gone.why, "actor": gone.actor, "at": rfc3339(gone.at_ms)}
    brief = _brief(ours, found, await _counts(ours))
    return json_answer({**brief, "said": said, "removed": removed, "yaml": found.yaml})


def meant(ours: Services, reference: str, version: str | None = None) -> Deployed:
    """The definition with a digest, the latest of a name, or the newest of a name with this version; raises
    ProblemError (404).
    """
    book = ours.definitions
    found = book.find(reference) if version is None else book.named(reference, version)
    if found is None:
        raise ProblemError(404, "not-found", "No definition has this digest, name or version.")
    return found


async def deploy_definition(request: web.Request) -> web.Response:
    """Checks a definition and deploys it; refused with all of its faults at once."""
    ours = services(request)
    if request.content_type not in YAML_TYPES:
        raise ProblemError(415, "media-type", f"Send the definition as {YAML_TYPES[0]}.")
    try:
        yaml = (await read_body(request)).decode()
    except UnicodeDecodeError:
        raise ProblemError(400, "encoding", "The definition must be UTF-8 text.") from None
    functions = await known_functions(ours)
    query = read_query(request, DEPLOY_QUERY)
    by = one_line("actor", query.get("actor", "api"))
    before = replaced(ours, load(yaml, UNNAMED, functions), meant="replace" in query)
    graph = await deploy(ours.publisher, ours.codec, ours.settings, yaml, functions, by=by)
    await ours.definitions.wait_for(graph.digest, ours.answer_timeout_s)
    names = ("digest", "name", "version", "namespace", "event_types")
    warnings = definition_faults(check(yaml, UNNAMED, functions))
    told = {**{name: getattr(graph, name) for name in names}, "replaces": before, "warnings": warnings}
    return json_answer({**told, "deployed_by": by, "state": ours.definitions.state(graph.name)}, status=201)


def replaced(ours: Services, graph: Graph, *, meant: bool) -> dict[str, str] | None:
    """What new instances of the workflow start on until now, if that is another definition.

    Raises ProblemError (409) where a definition with other content has the version already, unless that is meant and
    may be (`may_replace`), and where who reads the workflow's outcomes could not read those of this one.
    """
    same = [each for each in ours.definitions.ever() if (each.name, each.version) == (graph.name, graph.version)]
    allowed = may_replace(ours.settings)
    if same and not (meant and allowed) and graph.digest not in {each.digest for each in same}:
        taken = f"{graph.name} {graph.version} is deployed with other content (digest {same[-1].digest[:12]})"
        if allowed:
            raise ProblemError(409, "version-taken", f"{taken}. Give it another version, or say replace.")
        raise ProblemError(409, "version-fixed", f"{taken}, and stays so here ({REPLACES}). Give it another version.")
    why = incompatible(graph, ours.definitions.ever())
    if why is not None:
        raise ProblemError(409, "outcome-incompatible", why)
    latest = ours.definitions.find(graph.name)
    if latest is None or latest.digest == graph.digest:
        return None
    at = rfc3339(latest.deployed_at_ms)
    return {"version": latest.version, "digest": latest.digest, "deployed_by": latest.deployed_by, "deployed_at": at}


Counts = tuple[Mapping[str, int], Mapping[str, int]]  # open instances by digest, and held events by workflow


async def _counts(ours: Services) -> Counts:
    return await asyncio.to_thread(ours.reader.open_by_digest), await asyncio.to_thread(ours.reader.held)


def _brief(ours: Services, deployed: Deployed, counts: Counts) -> dict[str, Any]:
    names = ("digest", "name", "version", "namespace", "event_types", "deployed_by", "fault")
    latest = ours.definitions.find(deployed.name)
    is_open, held = counts
    return {
        **{name: getattr(deployed, name) for name in names},
        "deployed_at": rfc3339(deployed.deployed_at_ms),
        "latest": latest is not None and latest.digest == deployed.digest,
        "state": ours.definitions.state(deployed.name),
        "open": is_open.get(deployed.digest, 0),
        "held": held.get(deployed.name, 0),
        "priority": deployed.graph.priority if deployed.graph else None,
    }


DEPLOY_QUERY = (
    Parameter("replace", "Deploy also where another definition has the version already.", text_of(("true",))),
    Parameter("actor", "Who deploys it.", LINE),
)
_SAID: Schema = {"type": ["object", "null"]}
SHOW_QUERY = (Parameter("version", "That version of the workflow, and not the latest."),)

ROUTES = (
    Route(
        method="GET",
        path="/v1/definitions",
        handler=list_definitions,
        summary="List all versions of all workflows.",
        answers={200: object_of({"definitions": list_of(BRIEF)})},
        problems=(503,),
        verb="definitions",
    ),
    Route(
        method="GET",
        path="/v1/definitions/{reference}",
        handler=show_definition,
        summary="Show a definition by digest, or by name the latest or another version.",
        answers={200: {"allOf": [BRIEF, object_of({"yaml": TEXT}, said=_SAID, removed=_SAID)]}},
        problems=(400, 404, 503),
        query=SHOW_QUERY,
        verb="definitions",
    ),
    Route(
        method="POST",
        path="/v1/definitions",
        handler=deploy_definition,
        summary="Deploy a workflow definition.",
        answers={
            201: object_of(
                {"digest": TEXT, "name": TEXT, "version": TEXT, "namespace": TEXT, "event_types": list_of(TEXT)},
                warnings=list_of({"type": "object"}),
                deployed_by=TEXT,
                state={**text_of(State), "description": "Of the workflow: a paused or retired one stays so."},
                replaces={
                    "type": ["object", "null"],
                    "description": "What new instances started on until now, if that was another.",
                },
            )
        },
        problems=(400, 408, 409, 413, 415, 422, 503),
        query=DEPLOY_QUERY,
        body=dict.fromkeys(YAML_TYPES, TEXT),
        verb="deploy",
    ),
)
