"""Lint: every fault is found, at its place, with a code and a remedy."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings

from streams import language
from streams.catalogue import FUNCTIONS
from streams.cli.lint import command
from streams.language import DefinitionError
from tests.reference.strategies import definitions
from tests.support.definitions import check, load

HEAD = "document: {dsl: '1.0.3', namespace: test, name: sample, version: '1.0.0'}\n"
CALL = "call: http, with: {method: get, endpoint: 'https://example.com'}"


def codes(text: str) -> list[str]:
    return [fault.code for fault in check(text)]


TASK_FAULTS = {
    # a task's own structure
    "{}": "task-kind",
    "5": "type",
    "{set: {x: 1}, do: []}": "task-kind",
    "{cal: http}": "unknown-key",
    "{set: {x: 1}, iff: true}": "unknown-key",
    "{set: .x}": "type",
    "{set: 5}": "type",
    "{set: {x: 1}, then: 5}": "type",
    "{set: {x: 1}, then: nowhere}": "goto",
    "{set: {x: 1}, metadata: {effect: wild}}": "value",
    "{do: []}": "empty-list",
    "{do: {x: 1}}": "type",
    "{do: [{a: {set: {x: 1}}, b: {set: {x: 1}}}]}": "type",
    "{do: [{a: {set: {x: 1}}}, {a: {set: {x: 1}}}]}": "duplicate-name",
    "{do: [{end: {set: {x: 1}}}]}": "name",
    "{do: [{a: {set: {x: 1}, then: end}}, {b: {set: {x: 1}}}]}": "unreachable",
    "{do: [{a: {raise: {error: {type: x, status: 400}}}}, {b: {set: {x: 1}}}]}": "unreachable",
    "{do: [{a: {set: {x: 1}, then: c}}, {b: {set: {x: 1}}}, {c: {set: {x: 1}}}]}": "unreachable",
    # constructs
    "{switch: []}": "empty-list",
    "{switch: [{a: {when: .x}}]}": "missing",
    "{switch: [{a: {then: end}}, {b: {then: exit}}]}": "two-defaults",
    "{switch: [{a: {when: .x == 1, then: end}}, {a: {when: .x == 2, then: exit}}, {d: {then: end}}]}": "duplicate-name",
    "{for: {each: x}, do: [{a: {set: {x: 1}}}]}": "missing",
    "{for: {in: 5}, do: [{a: {set: {x: 1}}}]}": "type",
    "{for: {in: .x}}": "missing",
    "{for: {in: .x, each: task}, do: [{a: {set: {x: 1}}}]}": "name",
    "{for: {in: .x, each: a, at: a}, do: [{a: {set: {x: 1}}}]}": "name",
    "{fork: {branches: []}}": "empty-list",
    "{fork: {branches: [{a: {set: {x: 1}}}, {a: {set: {x: 1}}}]}}": "duplicate-name",
    "{fork: {branches: [{a: {set: {x: 1}, then: b}}, {b: {set: {x: 1}}}]}}": "goto",
    "{fork: {compete: true, branches: [{a: {set: {x: 1}}}]}}": "not-built",
    "{try: [{a: {set: {x: 1}}}]}": "missing",
    "{try: [{a: {set: {x: 1}}}], catch: {retry: {}}}": "not-built",
    "{try: [{a: {set: {x: 1}}}], catch: {errors: {with: {status: '503'}}}}": "type",
    "{try: [{a: {set: {x: 1}}}], catch: {as: 1x}}": "name",
    "{raise: {error: named}}": "not-built",
    "{raise: {error: {type: x}}}": "missing",
    "{raise: {error: {type: x, status: 42}}}": "value",
    "{wait: 5 minutes}": "duration",
    "{wait: {week: 1}}": "duration",
    "{wait: {week: '${ .x }'}}": "duration",
    "{set: {x: 1}, timeout: {after: P1Y}}": "duration",
    "{set: {x: 1}, timeout: slow}": "not-built",
    "{listen: {to: {any: []}}}": "not-built",
    "{emit: {event: {}}}": "not-built",
    "{run: {workflow: {name: other}}}": "not-built",
    "{run: {shell: {command: ls}}}": "not-in-profile",
    # calls
    "{set: {x: 1}, metadata: {effect: probed}}": "not-built",
    "{call: htp}": "unknown-function",
    "{call: http, emit: {}, with: {method: get, endpoint: 'https://x.org'}}": "not-built",
    "{call: http}": "missing",
    "{call: grpc, with: {}}": "not-in-profile",
    "{call: openapi, with: {}}": "not-built",
    "{call: http, with: {method: get}}": "missing",
    "{call: http, with: {method: fetch, endpoint: 'https://x.org'}}": "value",
    "{call: http, with: {method: get, endpoint: nowhere}}": "uri",
    "{call: http, with: {method: get, endpoint: 'https://x.org/{}'}}": "uri",
    "{call: http, with: {method: get, endpoint: {uri: 'https://x.org', authentication: {basic: {}}}}}": "not-built",
    "{call: http, with: {method: get, endpoint: 'https://x.org', output: xml}}": "value",
    "{call: http, with: {method: get, endpoint: 'https://x.org', boddy: 1}}": "unknown-key",
    "{call: http, with: {method: get, endpoint: 'https://x.org', redirect: 1}}": "type",
    "{call: http, with: {method: get, endpoint: 'https://x.org', query: [1]}}": "type",
    "{call: http, with: {method: get, endpoint: 'https://x.org', query: {a: {b: 1}}}}": "type",
    "{call: http, with: {method: get, endpoint: 'https://x.org', headers: {A: [b]}}}": "type",
    "{call: http, with: {method: get, endpoint: {url: 'https://x.org', uri: 'https://x.org'}}}": "unknown-key",
    "{call: http, with: {method: get, endpoint: {}}}": "missing",
    "{call: decide, with: {input: 1}}": "missing",
    "{call: decide, with: {model: Credit Risk}}": "name",
    "{call: human, with: {team: a, title: t}}": "missing",
    "{call: human, with: {team: a, title: t, outcomes: []}}": "value",
    f"{{call: human, with: {{team: a, title: {'t' * 201}, outcomes: [x]}}}}": "value",
    "{call: human, with: {team: a, title: t, outcomes: ['${ .x }']}}": "value",
    "{call: human, with: {team: a, title: t, outcomes: [x, x]}}": "duplicate-name",
    "{call: human, with: {team: a, title: t, outcomes: [x], due: soon}}": "duration",
    "{call: human, with: {team: a, title: t, outcomes: [x], form: {type: 5}}}": "schema",
    "{call: sql.query, with: {connection: a}}": "missing",
    "{call: sql.query, with: {connection: a, statement: 'select ${ .x }'}}": "sql-injection",
    # data and expressions
    "{set: {x: 1}, input: {schema: {document: {type: 5}}}}": "schema",
    "{set: {x: 1}, input: {schema: {document: {$ref: 'https://x.org/y'}}}}": "schema",
    "{set: {x: 1}, input: {schema: {document: {pattern: '(?=x)'}}}}": "schema",
    "{set: {x: 1}, input: {schema: {resource: {}}}}": "not-built",
    "{set: {x: 1}, output: {from: .x}}": "unknown-key",
    "{set: {x: 'Hello ${ .name }'}}": "expression-in-text",
    "{set: {x: '${ .a | }'}}": "jq-syntax",
    "{set: {x: '${ env }'}}": "jq-refused-function",
    "{set: {x: '${ lenght }'}}": "jq-unknown-function",
    "{set: {x: '${ $nobody }'}}": "unknown-variable",
    "{set: {x: '${ $item }'}}": "unknown-variable",
    "{set: {x: '${ $secrets.x }'}}": "not-built",
    "{set: {x: '${ $output }'}}": "unavailable-variable",
    "{if: '${ $input }', set: {x: 1}}": "unavailable-variable",
    "{set: {x: 1}, input: {from: '${ $input }'}}": "unavailable-variable",
    "{set: {x: 1}, output: {as: '${ $output }'}}": "unavailable-variable",
    "{if: 5, set: {x: 1}}": "type",
}


@pytest.mark.parametrize(("task", "code"), TASK_FAULTS.items())
def test_fault_of_task_is_found_alone(task: str, code: str) -> None:
    faults = check(f"{HEAD}do:\n- sample: {task}\n")
    assert [fault.code for fault in faults if fault.severity == "error"] == [code]
    assert all(fault.message and fault.remedy and fault.line == 3 for fault in faults)


WORKFLOW_FAULTS = {
    "do: [{a: {set: {x: 1}}}]": "missing",
    HEAD: "missing",
    HEAD + "do: []": "empty-list",
    HEAD + "do: [{a: {set: {x: 1}}}]\nuse: {}": "not-built",
    HEAD + "do: [{a: {set: {x: 1}}}]\nevaluate: {language: js}": "not-in-profile",
    HEAD + "do: [{a: {set: {x: 1}}}]\ninput: {from: $context}": "unavailable-variable",
    HEAD + "do: [{a: {set: {x: 1}}}]\noutput: {as: $input}": "unavailable-variable",
    HEAD + "do: [{a: {set: {x: 1}}}]\nschedule: {cron: '* * * * *'}": "not-built",
    HEAD + "do: [{a: {set: {x: 1}}}]\nschedule: {on: {all: []}}": "not-built",
    HEAD + "do: [{a: {set: {x: 1}}}]\nschedule: {on: {}}": "schedule",
    HEAD + "do: [{a: {set: {x: 1}}}]\nschedule: {on: {one: {with: {source: x}}}}": "missing",
    HEAD + "do: [{a: {set: {x: 1}}}]\nschedule: {on: {one: {with: {type: x, data: '${ .x }'}}}}": "not-in-profile",
    HEAD + "do: [{a: {set: {x: 1}}}]\nschedule: {on: {one: {with: {type: '${ .x }'}}}}": "not-built",
    HEAD.replace("test", "My_Space") + "do: [{a: {set: {x: 1}}}]": "name",
    HEAD.replace("1.0.3", "0.8") + "do: [{a: {set: {x: 1}}}]": "dsl-version",
    HEAD.replace("'1.0.0'", "'1.0'") + "do: [{a: {set: {x: 1}}}]": "version",
    HEAD.replace("'1.0.0'", "1.5") + "do: [{a: {set: {x: 1}}}]": "type",
    "[]": "type",
}


@pytest.mark.parametrize(("text", "code"), WORKFLOW_FAULTS.items())
def test_fault_of_workflow_is_found(text: str, code: str) -> None:
    assert code in codes(text)


def test_all_faults_of_file_come_at_once_in_order() -> None:
    text = f"{HEAD}do:\n- a: {{set: .x, then: b}}\n- c:\n    call: htp\n- d:\n    set: {{y: '${{ lenght }}'}}\n"
    found = [(fault.line, fault.column, fault.code) for fault in check(text, "w.yaml")]
    assert found == [
        (3, 12, "type"),
        (3, 22, "goto"),
        (5, 11, "unknown-function"),
        (7, 18, "jq-unknown-function"),
    ]


def test_fault_reads_as_one_line_with_remedy() -> None:
    fault = check(f"{HEAD}do: [{{a: {{set: {{x: 1}}, then: b}}}}, {{c: {{set: {{x: 1}}}}}}]", "w.yaml")[0]
    assert str(fault).startswith("w.yaml:2:30: error[goto]: there is no task `b` in this list. Remedy: ")


REMEDIES = {
    "{call: htpp, with: {}}": (3, 18, "did you mean `http`?"),
    "{call: sql.querry, with: {}}": (3, 18, "did you mean `sql.query`?"),
    "{call: http, with: {method: get, endpont: 'https://x.org', endpoint: 'https://x.org'}}": (3, 44, "`endpoint`?"),
    "{call: http, with: {method: get}}": (3, 24, "write endpoint: 'https://example.com/orders/{id}'"),
    "{call: http}": (3, 3, "write with: {method: get, endpoint: 'https://example.com/orders/{id}'}"),
    "{call: http, with: {method: fetch, endpoint: 'https://x.org'}}": (3, 39, "write method: get"),
    "{call: decide, with: {model: Credit Risk}}": (3, 40, "write model: credit-risk"),
    "{call: human, with: {team: a, title: t, outcomes: []}}": (3, 61, "write outcomes: [approve, reject]"),
    "{call: sql.query, with: {connection: 5, statement: x}}": (3, 48, "write connection: compliance"),
}


@pytest.mark.parametrize(("task", "expected"), REMEDIES.items())
def test_fault_of_call_names_place_and_example(task: str, expected: tuple[int, int, str]) -> None:
    (fault,) = check(f"{HEAD}do:\n- sample: {task}\n")
    assert (fault.line, fault.column) == expected[:2]
    assert fault.remedy.endswith(expected[2])


def test_language_knows_only_functions_it_is_given() -> None:
    (fault,) = language.check(f"{HEAD}do: [{{a: {{{CALL}}}}}]", "w.yaml", {"decide": FUNCTIONS["decide"]})
    assert (fault.code, fault.remedy) == ("unknown-function", "known are decide")


def test_missing_default_is_warning_only() -> None:
    text = f"{HEAD}do: [{{a: {{switch: [{{b: {{when: .x == 1, then: end}}}}]}}}}]"
    assert [(fault.code, fault.severity) for fault in check(text)] == [("no-default", "warning")]
    assert load(text).name == "sample"


def test_load_raises_with_every_fault() -> None:
    with pytest.raises(DefinitionError) as caught:
        load(f"{HEAD}do: [{{a: {{call: htp}}}}, {{a: {{wait: x}}}}]", "w.yaml")
    assert {fault.code for fault in caught.value.faults} == {"unknown-function", "duplicate-name", "duration"}
    assert str(caught.value).count("\n") == 2


def test_names_bound_by_loops_and_handlers_are_known_inside() -> None:
    text = (
        HEAD
        + """do:
- loop:
    for: {each: order, at: number, in: .orders}
    while: $order != null
    do:
    - guard:
        try: [{a: {set: {x: '${ $order }'}}}]
        catch: {as: problem, when: '$problem.status > 1', do: [{b: {set: {x: '${ [$problem, $number] }'}}}]}
"""
    )
    assert codes(text) == []
    assert codes(text + "- after: {set: {x: '${ $order }'}}\n") == ["unknown-variable"]
    assert codes(text + "- after: {set: {x: '${ $problem }'}}\n") == ["unknown-variable"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_valid_definitions_have_no_errors(document: dict[str, Any]) -> None:
    assert [fault for fault in check(orjson.dumps(document).decode()) if fault.severity == "error"] == []


def test_command_prints_faults_and_fails(tmp_path: Any) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(f"{HEAD}do: [{{a: {{{CALL}}}}}]")
    bad.write_text(f"{HEAD}do: [{{a: {{call: htp}}}}]")
    assert CliRunner().invoke(command, [str(good)]).exit_code == 0
    result = CliRunner().invoke(command, [str(good), str(bad)])
    assert result.exit_code == 2
    assert result.output.startswith(f"{bad}:2:17: error[unknown-function]: ")


def test_command_prints_json_for_machines(tmp_path: Any) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(b"\xff\xfe")
    result = CliRunner().invoke(command, ["--json", str(bad)])
    assert [fault["code"] for fault in orjson.loads(result.output)] == ["yaml"]
