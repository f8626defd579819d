"""The JSON Schema of a definition accepts whatever lint accepts, and refuses what an editor can know to be wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

import streams.language
import streams.workflows
from streams.catalogue import FUNCTIONS
from streams.language.json_schema import schema
from streams.language.source import parse
from tests.reference.strategies import definitions, joins
from tests.support.definitions import check
from tests.support.faulty import HEAD, TASK_FAULTS, WORKFLOW_FAULTS

Json = Any

SCHEMA = schema(FUNCTIONS)
VALIDATOR = Draft202012Validator(SCHEMA)
ROOT = Path(streams.language.__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "streams" / "language" / "PROFILE.md")
WORKFLOWS = sorted(Path(next(iter(streams.workflows.__path__))).glob("*.yaml"))
EXAMPLES = [text for page in PAGES for text in re.findall(r"```yaml\n(document:.*?)```", page.read_text(), re.DOTALL)]
EXAMPLES += [file.read_text() for file in WORKFLOWS]
KNOWN_TO_EDITORS = {"unknown-key", "missing", "task-kind", "empty-list", "not-in-profile"}


def complaints(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(parse(text, "w.yaml").value)]


def task(text: str) -> str:
    return f"{HEAD}do:\n- sample: {text}\n"


def test_schema_is_valid_by_its_own_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_pages_and_folder_have_definitions() -> None:
    assert len(EXAMPLES) >= 10


@pytest.mark.parametrize("text", EXAMPLES)
def test_definition_that_we_show_is_accepted(text: str) -> None:
    assert complaints(text) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(definitions() | joins())
def test_random_valid_definition_is_accepted(document: dict[str, Json]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize(
    "function", [each for each in FUNCTIONS.values() if not each.by_task], ids=lambda each: each.name
)
def test_example_of_function_is_accepted(function: Any) -> None:
    assert complaints(task(f"{{call: {function.name}, with: {function.example}}}")) == []


WIDE = {
    "{call: http, with: {method: GeT, endpoint: '${ .url }', headers: '${ .headers }', body: '${ . }'}}",
    "{call: http, with: {method: get, endpoint: {uri: 'connection://erp/orders/{id}'}, redirect: true}}",
    "{call: human, with: {team: '${ .team }', title: '${ .title }', outcomes: [x], due: '${ .due }', form: true}}",
    "{call: sql.query, with: {connection: '${ .name }', statement: SELECT 1, parameters: '${ . }'}}",
    "{call: decide, with: {model: '${ .model }'}, metadata: {effect: read, owner: sales}}",
    "{if: .x, set: '${ .x }', input: {from: .x}, output: {as: {a: '${ . }'}}, timeout: {after: '${ .t }'}, then: end}",
    "{if: true, wait: {days: 1, hours: '${ .h }'}, export: {as: .x, schema: {document: true}}}",
    "{wait: P1DT2H}",
    "{call: http, with: {method: get, endpoint: 'https://x.org', query: {a: [1, '${ .b }'], c: '${ .d }', e: 1.5}}}",
    "{try: [{a: {set: {}}}], catch: {errors: {with: {title: '', status: 1000}}}}",
    "{for: {in: [1, '${ .x }'], each: $order}, while: true, do: [{a: {set: {}}}]}",
    "{fork: {compete: false, branches: [{a: {do: [{b: {set: {}}}]}}]}}",
    "{try: [{a: {set: {}}}], catch: {}}",
    "{raise: {error: '${ .error }'}, if: .x}",
    "{raise: {error: {type: x, status: '${ .status }', detail: '${ .d }'}}, if: .x}",
    "{switch: [{a: {when: true, then: exit}}, {b: {then: continue}}]}",
}


@pytest.mark.parametrize("text", sorted(WIDE))
def test_expression_is_accepted_where_lint_allows_it(text: str) -> None:
    assert [fault for fault in check(task(text)) if fault.severity == "error"] == []
    assert complaints(task(text)) == []


@pytest.mark.parametrize(
    "text", [text for text, code in TASK_FAULTS.items() if code in KNOWN_TO_EDITORS and "fallback" not in text]
)
def test_task_that_no_editor_should_let_pass_is_refused(text: str) -> None:
    assert complaints(task(text)) != []


@pytest.mark.parametrize("text", [text for text, code in WORKFLOW_FAULTS.items() if code in KNOWN_TO_EDITORS])
def test_workflow_that_no_editor_should_let_pass_is_refused(text: str) -> None:
    assert complaints(text) != []


REFUSED = {
    "{call: http, with: {method: get}}": "'endpoint' is a required property",
    "{call: 'grpc', with: {}}": "'grpc' is not valid under any of the given schemas",
    "{call: decide, with: {model: m, modell: n}}": "Additional properties are not allowed ('modell' was unexpected)",
    "{set: {x: 1}, iff: true}": "Additional properties are not allowed ('iff' was unexpected)",
    "{set: {x: 1}, metadata: {effect: odd}}": "'odd' is not one of ['read', 'idempotent', 'keyed', 'probed', 'blind']",
}


@pytest.mark.parametrize(("text", "complaint"), REFUSED.items())
def test_complaint_is_one_and_names_the_cause(text: str, complaint: str) -> None:
    assert complaints(task(text)) == [complaint]
