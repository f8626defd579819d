"""`/v1/definitions`: which workflows can run, and a new one."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from schemas.times import rfc3339
from streams.definitions.book import Deployed
from streams.definitions.deploy import deploy
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.bodies import read_body
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.own import known_functions
from streams.gateway.problems import ProblemError, definition_faults
from streams.gateway.services import Services, services
from streams.language import UNNAMED, check, load
from streams.language.graph import Graph

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
)


async def list_definitions(request: web.Request) -> web.Response:
    """Every version of every workflow that was deployed."""
    book = services(request).definitions
    return json_answer({"definitions": [_brief(request, each) for each in book.deployed()]})


async def show_definition(request: web.Request) -> web.Response:
    """One version by digest, or the latest of a workflow by name, as it was written."""
    found = services(request).definitions.find(request.match_info["reference"])
    if found is None:
        raise ProblemError(404, "not-found", "No definition has this digest or name.")
    return json_answer({**_brief(request, found), "yaml": found.yaml})


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
    meant = "replace" in read_query(request, DEPLOY_QUERY)
    before = replaced(ours, load(yaml, UNNAMED, functions), meant=meant)
    graph = await deploy(ours.publisher, ours.codec, ours.settings, yaml, functions, by="api")
    await ours.definitions.wait_for(graph.digest, ours.answer_timeout_s)
    names = ("digest", "name", "version", "namespace", "event_types")
    warnings = definition_faults(check(yaml, UNNAMED, functions))
    told = {**{name: getattr(graph, name) for name in names}, "replaces": before, "warnings": warnings}
    return json_answer(told, status=201)


def replaced(ours: Services, graph: Graph, *, meant: bool) -> dict[str, str] | None:
    """What new instances of the workflow start on until now, if that is another definition.

    Raises ProblemError (409) where a definition with other content has the version already, unless that is meant.
    """
    same = [each for each in ours.definitions.deployed() if (each.name, each.version) == (graph.name, graph.version)]
    if same and not meant and graph.digest not in {each.digest for each in same}:
        taken = f"{graph.name} {graph.version} is deployed with other content (digest {same[-1].digest[:12]})"
        raise ProblemError(409, "version-taken", f"{taken}. Give it another version, or say replace.")
    latest = ours.definitions.find(graph.name)
    if latest is None or latest.digest == graph.digest:
        return None
    return {"version": latest.version, "digest": latest.digest}


def _brief(request: web.Request, deployed: Deployed) -> dict[str, Any]:
    names = ("digest", "name", "version", "namespace", "event_types", "deployed_by", "fault")
    latest = services(request).definitions.find(deployed.name)
    return {
        **{name: getattr(deployed, name) for name in names},
        "deployed_at": rfc3339(deployed.deployed_at_ms),
        "latest": latest is not None and latest.digest == deployed.digest,
    }


DEPLOY_QUERY = (
    Parameter("replace", "Deploy also where another definition has the version already.", text_of(("true",))),
)

ROUTES = (
    Route(
        method="GET",
        path="/v1/definitions",
        handler=list_definitions,
        summary="List all versions of all workflows.",
        answers={200: object_of({"definitions": list_of(BRIEF)})},
    ),
    Route(
        method="GET",
        path="/v1/definitions/{reference}",
        handler=show_definition,
        summary="Show a definition by digest, or the latest by name.",
        answers={200: {"allOf": [BRIEF, object_of({"yaml": TEXT})]}},
        problems=(404,),
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
