"""The examples of the specification by name, each in words of ours: the same constructs, and what becomes of it here.

Some say themselves what cannot be, such as a member of the list that a `listen` gives: they fault there. `status` is how an instance of it ends, with the calls answered by `mocks`; `code` is the fault for which it is refused.
Those that differ in nothing that matters here share a definition.
"""

# ruff: noqa: E501  # a definition in flow style is one line

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = Any
HEAD = "document: {dsl: '1.0.3', namespace: examples, name: example, version: '1.0.0'}\n"
GET = "{call: http, with: {method: get, endpoint: 'https://pets.example.com/pets/{petId}'}}"
FEVER = "{with: {type: example.measured.temperature, data: '${ .temperature > 38 }'}}"
PULSE = "{with: {type: example.measured.pulse, data: '${ .bpm < 60 or .bpm > 100 }'}}"
HOT: Json = {"type": "example.measured.temperature", "data": {"temperature": 39}}
FAST: Json = {"type": "example.measured.pulse", "data": {"bpm": 120}}
NOT_FOUND = "https://serverlessworkflow.io/dsl/errors/types/communication"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One of them: a definition without its head, and what becomes of it."""

    text: str
    status: str = ""
    code: str = ""
    data: Json = field(default_factory=dict)
    events: tuple[Json, ...] = ()
    mocks: dict[str, Json] = field(default_factory=dict)
    output: Json = None
    error: str = ""  # the task whose error ends it


def runs(text: str, **more: Any) -> Example:
    return Example(text=text, **{"status": "completed", **more})


def refused(code: str, task: str, before: str = "") -> Example:
    return Example(text=f"{before}do: [{{a: {task}}}]", code=code)


def _called(task: str, before: str = "", **more: Any) -> Example:
    return runs(
        f"{before}do: [{{a: {task}}}]", **{"mocks": {"a": [{"output": {"ok": True}}]}, "output": {"ok": True}, **more}
    )


def _in_place(authentication: str) -> Example:
    endpoint = f"{{uri: 'https://pets.example.com', authentication: {authentication}}}"
    return refused("authentication", f"{{call: http, with: {{method: get, endpoint: {endpoint}}}}}")


_ASYNCAPI = "document: {endpoint: 'https://x.org/api.json'}, operation: found, message: {payload: {id: 1}}"
_SUBSCRIBED = refused(
    "not-in-profile", f"{{call: asyncapi, with: {{{_ASYNCAPI}, subscription: {{consume: {{amount: 1}}}}}}}}"
)
_OPENAPI = "document: {endpoint: 'https://pets.example.com/api.json'}, operationId: found"
_OF_ROOM = "{with: {source: /tests, type: example.%s}, correlate: {room: {from: .room}}}"
_CONTAINER = refused("not-in-profile", "{run: {container: {image: hello-world}}}")
_RETURN = refused("not-in-profile", "{run: {container: {image: hello-world}, return: all}}")
_SCRIPT = refused("not-in-profile", "{run: {script: {language: python, code: print(1)}}}")
_SEARCH = "input: {schema: {format: json, document: {type: object, required: [what]}}}\n"
_STARTED = "schedule: {on: {one: {with: {type: example.trigger.v1}}}}\n"
_RETRY = "{delay: {seconds: 3}, backoff: {exponential: {}}, limit: {attempt: {count: 5}}}"
_TRY = f"try: [{{get: {GET}}}], catch: {{errors: {{with: {{type: '{NOT_FOUND}', status: 503}}}}"
_AWAY = {"error": {"reason": "UNREACHED"}}

EXAMPLES: dict[str, Example] = {
    "accumulate-room-readings": runs(
        f"timeout: {{after: {{hours: 1}}}}\ndo:\n- both: {{listen: {{to: {{all: [{_OF_ROOM % 'warm'}, {_OF_ROOM % 'damp'}]}}}}, output: {{as: .data.reading}}}}\n"
        f"- log: {{for: {{each: reading, in: .readings}}, do: [{{a: {{call: openapi, with: {{{_OPENAPI}}}}}}}]}}",
        events=({"type": "example.warm", "data": {"room": 1}}, {"type": "example.damp", "data": {"room": 1}}),
        status="faulted",  # `.data` of the list of events
        error="/do/0/both",
    ),
    "authentication-bearer": _in_place("{bearer: {token: abc}}"),
    "authentication-bearer-uri-format": _in_place("{bearer: {token: '${ .token }'}}"),
    "authentication-oauth2": _in_place("{oauth2: {authority: 'https://x.org', grant: client_credentials}}"),
    "authentication-oauth2-secret": _in_place("{oauth2: {use: secret}}"),
    "authentication-oidc": _in_place("{oidc: {authority: 'https://x.org', grant: client_credentials}}"),
    "authentication-oidc-secret": _in_place("{oidc: {use: secret}}"),
    "authentication-reusable": refused(
        "authentication",
        "{call: http, with: {method: get, endpoint: {uri: 'https://pets.example.com', authentication: {use: pets}}}}",
        before="use: {authentications: {pets: {bearer: {token: '${ .token }'}}}}\n",
    ),
    "call-asyncapi-publish": refused(
        "not-in-profile",
        f"{{call: asyncapi, with: {{{_ASYNCAPI}, server: {{name: x}}, authentication: {{bearer: {{token: a}}}}}}}}",
    ),
    "call-asyncapi-subscribe-consume-amount": _SUBSCRIBED,
    "call-asyncapi-subscribe-consume-forever-foreach": refused(
        "not-in-profile", f"{{call: asyncapi, with: {{{_ASYNCAPI}, subscription: {{foreach: {{item: m}}}}}}}}"
    ),
    "call-asyncapi-subscribe-consume-until": _SUBSCRIBED,
    "call-asyncapi-subscribe-consume-while": _SUBSCRIBED,
    "call-custom-function-cataloged": refused(
        "unknown-function", "{call: 'https://x.org/functions/log/1.0.0/function.yaml', with: {message: Hello}}"
    ),
    "call-custom-function-inline": runs(
        "use:\n  functions:\n    getPetById:\n      input: {schema: {document: {type: object, properties: {petId: {type: string}}, required: [petId]}}}\n"
        "      call: http\n      with: {method: get, endpoint: 'https://pets.example.com/pets/{petId}'}\n"
        "do: [{getPet: {call: getPetById, with: {petId: 69}}}]",
        status="faulted",  # 69 is no text
        error="/do/0/getPet/call/getPetById",
    ),
    "call-grpc": refused("not-in-profile", "{call: grpc, with: {}}"),
    "call-http-endpoint-interpolation": _called(GET, data={"petId": 1}),
    "call-http-query-headers-expressions": _called(
        "{call: http, with: {method: get, endpoint: 'https://x.org/p', headers: '${.headers}', query: '${.query}'}}",
        data={"headers": {"Accept": "application/json"}, "query": {"search": "x"}},
    ),
    "call-http-query-parameters": runs(
        f"{_SEARCH}do: [{{a: {{call: http, with: {{method: get, endpoint: 'https://x.org/', query: {{s: '${{.what}}'}}}}}}}}]",
        data={"what": "x"},
        mocks={"a": [{"output": [1]}]},
        output=[1],
    ),
    "call-http-redirect": _called("{call: http, with: {method: get, endpoint: 'https://x.org/', redirect: true}}"),
    "call-http-shorthand-endpoint": _called(GET, data={"petId": 1}),
    "call-mcp-1": refused("not-built", "{call: mcp, with: {}}"),
    "call-mcp-2": refused("not-built", "{call: mcp, with: {}}"),
    "call-openapi": _called(f"{{call: openapi, with: {{{_OPENAPI}}}}}"),
    "call-openapi-redirect": _called(f"{{call: openapi, with: {{{_OPENAPI}, redirect: true}}}}"),
    "conditional-task": runs(
        "do:\n- young:\n    if: .customer.age < 18\n    raise: {error: {type: 'https://x.org/no', status: 400, title: No}}\n"
        f"    then: end\n- place: {GET}",
        data={"customer": {"age": 17}},
        status="faulted",
    ),
    "do-multiple": runs(
        f"do: [{{get: {GET}}}, {{buy: {{call: http, with: {{method: put, endpoint: 'https://x.org/{{id}}',"
        " body: '${ . + {status: \"sold\"} }'}}}]",
        data={"petId": 1},
        mocks={"get": [{"output": {"id": 1}}], "buy": [{"output": "sold"}]},
        output="sold",
    ),
    "do-single": _called(GET, data={"petId": 1}),
    "emit": runs(
        "do: [{a: {emit: {event: {with: {source: 'https://x.org', type: example.placed.v1, data: {n: 1}}}}}}]"
    ),
    "for": runs(
        "do:\n- each:\n    for: {each: pet, in: .pets, at: index}\n    while: .vet != null\n    do:\n"
        "    - wait:\n        listen: {to: {one: {with: {type: example.checked.v2}}}}\n"
        "        output: {as: '.pets + [{id: $pet.id}]'}",
        data={"pets": [{"id": 1}, {"id": 2}], "vet": "Ann"},
        events=({"type": "example.checked.v2", "data": {}},) * 2,
        status="faulted",  # `.pets` of the list of events
        error="/do/0/each/do/0/wait",
    ),
    "fork": runs(
        f"do: [{{alarm: {{fork: {{compete: true, branches: [{{nurse: {GET}}}, {{doctor: {GET}}}]}}}}}}]",
        data={"petId": 1},
        mocks={"nurse": [{"output": "here"}], "doctor": [{"output": "here"}]},
        output="here",
    ),
    "listen-to-all": runs(
        f"do: [{{a: {{listen: {{to: {{all: [{FEVER}, {PULSE}]}}}}}}}}]",
        events=(FAST, HOT),
        output=[{"temperature": 39}, {"bpm": 120}],
    ),
    "listen-to-all read-envelope": runs(
        f"do: [{{a: {{listen: {{to: {{all: [{FEVER}, {PULSE}]}}, read: envelope}}, output: {{as: 'map(.type)'}}}}}}]",
        events=(FAST, HOT),
        output=["example.measured.temperature", "example.measured.pulse"],
    ),
    "listen-to-any": runs("do: [{a: {listen: {to: {any: []}}}}]", events=(FAST,), output=[{"bpm": 120}]),
    "listen-to-any-filter": runs(
        f"do: [{{a: {{listen: {{to: {{any: [{FEVER}, {PULSE}]}}}}}}}}]", events=(FAST,), output=[{"bpm": 120}]
    ),
    "listen-to-any-forever-foreach": runs(
        "do: [{a: {listen: {to: {any: [], until: '${ false }'}}, foreach: {item: e, at: i, do: [{b: {set: '${ $e }'}}]},"
        " timeout: {after: {hours: 1}}}}]",
        events=(FAST, HOT),
        status="faulted",  # by the timeout that ends it in this test; ours alone
    ),
    "listen-to-any-until-condition": runs(
        "do: [{a: {listen: {to: {any: [], until: '( . | length ) > 3'}}}}]",
        events=(FAST, HOT, FAST, HOT),
        output=[FAST["data"], HOT["data"], FAST["data"], HOT["data"]],
    ),
    "listen-to-any-until-consumed": runs(
        f"do: [{{a: {{listen: {{to: {{any: [{FEVER}, {PULSE}], until: {{one: {{with: {{type: example.left}}}}}}}}}}}}}}]",
        events=(FAST, HOT, {"type": "example.left", "data": {}}),
    ),
    "listen-to-one": runs(
        f"do: [{{a: {{listen: {{to: {{one: {FEVER}}}}}}}}}, {{b: {GET}}}]",
        events=(HOT,),
        status="faulted",  # `{petId}` of the list of events
        error="/do/1/b",
    ),
    "mock-service-extension": refused("not-in-profile", "{set: {x: 1}}", "use: {extensions: []}\n"),
    "raise-inline": runs(
        "do: [{a: {raise: {error: {type: 'https://x.org/no', status: 500, title: No}}}}]", status="faulted"
    ),
    "raise-reusable": runs(
        "use: {errors: {no: {type: 'https://x.org/no', status: 500, title: No, detail: '${ $workflow.definition.document.name }'}}}\n"
        "do: [{a: {raise: {error: no}}}]",
        status="faulted",
    ),
    "run-container": _CONTAINER,
    "run-container-cleanup-always": _CONTAINER,
    "run-container-cleanup-eventually": _CONTAINER,
    "run-container-stdin-and-arguments": _CONTAINER,
    "run-container-with-name": _CONTAINER,
    "run-container-with-pull-policy": _CONTAINER,
    "run-return-all": _RETURN,
    "run-return-code": _RETURN,
    "run-return-none": _RETURN,
    "run-return-stderr": _RETURN,
    "run-script-with-arguments": _SCRIPT,
    "run-script-with-stdin-and-arguments": _SCRIPT,
    "run-shell-stdin-and-arguments": refused("not-in-profile", "{run: {shell: {command: echo}}}"),
    "run-subflow": _called(
        "{run: {workflow: {namespace: examples, name: other, version: '0.1.0', input: {customer: '${ .user }'}}}}"
    ),
    "schedule-cron": runs("schedule: {cron: '0 0 * * *'}\ndo: [{a: {set: {x: 1}}}]", output={"x": 1}),
    "schedule-event-driven": runs(
        f"{_STARTED}do: [{{a: {{call: http, with: {{method: post, endpoint: 'https://x.org',"
        " body: {id: '${ $workflow.input[0].data.patient.id }'}}}}]",
        data={"patient": {"id": 7}},
        mocks={"a": [{"output": None}]},
    ),
    "set": runs(
        f"{_STARTED}do: [{{a: {{set: {{start: {{input: '${{ $workflow.input[0].data }}'}}}}}}}}]",
        data={"n": 1},
        output={"start": {"input": {"n": 1}}},
    ),
    "set-expression": runs(
        f"{_STARTED}do: [{{a: {{set: '${{ $workflow.input[0].data }}'}}}}]", data={"n": 1}, output={"n": 1}
    ),
    "star-wars-homeworld": runs(
        "input: {schema: {format: json, document: {type: object, required: [id]}}}\ndo:\n"
        "- person:\n    call: http\n    with: {method: get, endpoint: 'https://x.org/people/{id}', output: response}\n"
        "    export: {as: {home: '${ .content.home }'}}\n"
        "- home: {call: http, with: {method: get, endpoint: '${ $context.home }'}}",
        data={"id": 1},
        mocks={"person": [{"output": {"content": {"home": "https://x.org/1"}}}], "home": [{"output": "there"}]},
        output="there",
    ),
    "switch-then-string": runs(
        'do:\n- kind:\n    switch:\n    - one: {when: .kind == "electronic", then: electronic}\n    - other: {then: unknown}\n'
        "- electronic: {set: {status: fulfilled}, then: exit}\n- unknown: {set: {log: warn}}",
        data={"kind": "electronic"},
        output={"status": "fulfilled"},
    ),
    "try-catch": runs(
        f"do: [{{t: {{try: [{{get: {GET}}}], catch: {{errors: {{with: {{type: '{NOT_FOUND}', status: 404}}}}, as: error,"
        " do: [{tell: {set: {was: '${ $error.status }'}}}]}}}]",
        data={"petId": 1},
        mocks={"get": [{"error": {"reason": "NOT_FOUND"}}]},
        output={"was": 404},
    ),
    "try-catch-retry-inline": runs(
        f"do: [{{t: {{{_TRY}, retry: {_RETRY}}}}}}}]",
        data={"petId": 1},
        mocks={"get": [_AWAY, _AWAY, {"output": 1}]},
        output=1,
    ),
    "try-catch-retry-reusable": runs(
        f"use: {{retries: {{often: {_RETRY}}}}}\ndo: [{{t: {{{_TRY}, retry: often}}}}}}]",
        data={"petId": 1},
        mocks={"get": [_AWAY, {"output": 1}]},
        output=1,
    ),
    "try-catch-then": runs(
        f"do:\n- t:\n    try: [{{get: {GET}}}]\n    catch:\n      errors: {{with: {{type: '{NOT_FOUND}', status: 404}}}}\n"
        "      do:\n      - tell: {emit: {event: {with: {source: 'https://x.org', type: example.gone, data: '${ $error }'}}}}\n"
        "      - keep: {set: {error: $error}, export: {as: '$context + {error: $error}'}}\n"
        f"- buy: {{if: $context.error == null, {GET[1:]}",
        data={"petId": 1},
        mocks={"get": [{"error": {"reason": "NOT_FOUND"}}]},
        output={"error": "$error"},  # a text, without the braces
    ),
    "wait-duration-inline": runs("do: [{a: {wait: {seconds: 30}}}]", output={}),
    "wait-duration-iso8601": runs("do: [{a: {wait: PT30S}}]", output={}),
}
