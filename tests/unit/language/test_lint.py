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
from tests.support.faulty import CALL, HEAD, TASK_FAULTS, WORKFLOW_FAULTS


def codes(text: str) -> list[str]:
    return [fault.code for fault in check(text)]


@pytest.mark.parametrize(("task", "code"), TASK_FAULTS.items())
def test_fault_of_task_is_found_alone(task: str, code: str) -> None:
    faults = check(f"{HEAD}do:\n- sample: {task}\n")
    assert [fault.code for fault in faults if fault.severity == "error"] == [code]
    assert all(fault.message and fault.remedy and fault.line == 3 for fault in faults)


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
    "{call: http, with: {method: get, endpoint: 'https://x.org', pages: {}, save: {connection: a, file: b}}}": (
        3,
        82,
        "leave one of them out",
    ),
    "{call: http, with: {method: put, endpoint: 'https://x.org', body: {}, send: {connection: a, file: b}}}": (
        3,
        81,
        "leave one of them out",
    ),
    "{call: http, with: {method: get, endpoint: 'https://x.org', save: {connection: a}}}": (
        3,
        71,
        "write save: {connection: exchange, file: export.csv}",
    ),
    "{call: htpp, with: {}}": (3, 18, "did you mean `http`?"),
    "{call: sql.querry, with: {}}": (3, 18, "did you mean `sql.query`?"),
    "{call: 'rules:x', with: {}}": (3, 18, "did you mean `rules`?"),
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


WARNINGS = {
    "{if: null, set: {x: 1}}": ["empty-condition"],
    "{if: '.a = 1', set: {x: 1}}": ["assignment"],
    "{if: '.a == 1 and (.b |= 2)', set: {x: 1}}": ["assignment"],
    "{if: '${ .x | .a += 1 }', set: {x: 1}}": ["assignment"],
    "{if: '(.a = 1) == .b', set: {x: 1}}": [],
    "{if: '[.a | .b = 1] == []', set: {x: '${ .a = 1 }'}}": [],
    "{try: [{a: {set: {x: 1}}}], catch: {when: '${ .status == 503 }'}}": ["error-members"],
    "{try: [{a: {set: {x: 1}}}], catch: {as: e, exceptWhen: '.status == 503 or .title == \"x\"'}}": ["error-members"],
    "{try: [{a: {set: {x: 1}}}], catch: {when: '${ $error.status == 503 }'}}": [],
    "{try: [{a: {set: {x: 1}}}], catch: {when: '${ .order.status == 503 }'}}": [],
    "{try: [{a: {set: {x: 1}}}], catch: {when: '${ .status == .wanted }'}}": [],
    "{set: {x: '${ $workflow.input[0].data }'}}": [],
    "{set: {x: '${ $workflow.input | .[0].id, length }'}}": [],
    "{call: http, with: {method: get, endpoint: 'https://x.org', headers: {Authorization: Bearer abc}}}": ["secret"],
    "{call: http, with: {method: get, endpoint: 'https://x.org', headers: {X-API-Key: abc, Accept: a/b}}}": ["secret"],
    "{call: http, with: {method: get, endpoint: 'https://x.org', headers: {cookie: '${ .c }'}}}": [],
    "{fork: {compete: null, branches: [{a: {set: {x: 1}}}]}}": [],
    "{fork: {compete: false, branches: [{a: {set: {x: 1}}}]}}": [],
    "{fork: {compete: true, branches: [{a: {set: {x: 1}}}]}}": [],
    "{call: http, with: {method: get, endpoint: 'https://x.org', query: {a: null}, headers: {B: null}}}": [],
}


@pytest.mark.parametrize(("task", "expected"), WARNINGS.items())
def test_what_is_allowed_and_hardly_meant_is_warned_of(task: str, expected: list[str]) -> None:
    started = "schedule: {on: {one: {with: {type: a.b}}}}\nuse: {}\nevaluate: {language: jq, mode: strict}\n"
    faults = check(f"{HEAD}{started}do:\n- sample: {task}\n")
    assert [(fault.code, fault.severity) for fault in faults] == [(code, "warning") for code in expected]


@pytest.mark.parametrize("read", ["$workflow.input.id", "$workflow.input | .id", '$workflow.input."a b"'])
@pytest.mark.parametrize("started", [True, False])
def test_list_of_events_has_no_members(read: str, started: bool) -> None:
    schedule = "schedule: {on: {one: {with: {type: a.b}}}}\n" if started else ""
    faults = check(f"{HEAD}{schedule}do:\n- sample: {{set: {{x: '${{ {read} }}'}}}}\n")
    assert [(fault.code, fault.severity) for fault in faults] == ([("event-input", "error")] if started else [])


def test_schedule_that_reads_no_event_is_told_so_alone() -> None:
    (fault,) = check(f"{HEAD}do: [{{a: {{set: {{x: 1}}}}}}]\nschedule: {{read: data}}")
    assert "none starts the workflow" in fault.message


@pytest.mark.parametrize("line", ["- t{n}: {{set: {{x: 1}}, then: t{m}}}", "- t{n}: {{set: {{x: 1}}}}"])
def test_definition_of_many_tasks_is_read_in_time(line: str) -> None:
    tasks = "\n".join(line.format(n=number, m=number + 1) for number in range(6000))
    assert check(f"{HEAD}do:\n{tasks}\n- t6000: {{set: {{x: 1}}}}") == []


def test_names_that_lead_nowhere_are_many_without_end() -> None:
    tasks = "\n".join(f"- t{number}: {{if: .x == 1, set: {{x: 1}}, then: u{number}}}" for number in range(2000))
    faults = check(f"{HEAD}do:\n{tasks}")
    assert faults[0].code == "goto"
    assert max(len(fault.remedy) for fault in faults) < 300


@pytest.mark.parametrize("depth", [30, 60])
def test_lists_nested_too_deeply_are_one_fault(depth: int) -> None:
    text = f"{HEAD}do: " + "[{a: {do: " * depth + "[{b: {set: {x: 1}}}]" + "}}]" * depth
    (fault,) = check(text)
    assert fault.code == "yaml"
    assert "levels" in fault.message


def test_null_headers_are_left_out() -> None:
    query = "{a: null, b: '${ .b }', c: 1}"
    text = f"{HEAD}do: [{{a: {{call: http, with: {{method: get, endpoint: 'https://x.org', query: {query}}}}}}}]"
    arguments = getattr(load(text).tasks[1], "arguments")  # noqa: B009
    assert arguments.evaluate({}, {})["query"] == {"c": 1}
    assert arguments.evaluate({"b": 2}, {})["query"] == {"b": 2, "c": 1}


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


OUTPUT = """output:
  schema:
    document:
      type: object
      properties:
        id: {type: string}
        client: {type: [object, 'null'], properties: {name: {type: string}}}
        lines: {type: array, items: {type: object, properties: {sku: {}}}}
        free: {type: object}
"""


def test_output_that_says_nothing_of_further_members_is_pointed_out() -> None:
    tail = "do: [{a: {set: {x: 1}}}]"
    found = [(each.line, each.column, each.code, each.severity) for each in check(HEAD + OUTPUT + tail)]
    first = HEAD.count("\n") + 3
    assert found == [
        (line, column, "output-members", "warning") for line, column in ((first, 5), (first + 4, 9), (first + 5, 30))
    ]
    says = OUTPUT.replace("type: object\n      p", "type: object\n      additionalProperties: true\n      p", 1)
    assert [each.line for each in check(HEAD + says + tail)] == [first + 5, first + 6]
    for untyped in (
        "{}",
        "{type: object}",
        "{type: string}",
        "{type: [1], properties: {a: {}}}",
        "{properties: {a: {}}}",
    ):
        text = f"{HEAD}output: {{schema: {{document: {untyped}}}}}\n{tail}"
        assert "output-members" not in codes(text)
