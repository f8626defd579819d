"""try, catch and raise: what is caught where, and what an error looks like to whoever reads it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas import problems
from schemas.steps import MAX_DETAIL
from streams.engine import Limits
from streams.engine.constructs.raise_ import raised
from streams.engine.constructs.try_ import matches
from streams.language.constructs.try_ import ErrorFilter
from tests.support.trial import Trial, call


def attempt(catch: str, body: str = call("a")) -> str:
    return f"- t:\n    try:\n      {body}\n    catch: {catch}\n- after: {{set: '${{ . }}'}}"


HANDLED = "do: [{mend: {set: {error: '${ $error }', data: '${ . }'}}}]"


def test_error_of_a_step_reaches_the_handler() -> None:
    trial = Trial(attempt(f"{{{HANDLED}}}"), {"n": 1})
    trial.fail("a", title="Gone", status=410, detail=None, reason="NOT_FOUND", effect="none")
    assert trial.output["error"] == {
        "type": "https://example.com/broken",
        "title": "Gone",
        "status": 410,
        "instance": "/do/0/t/try/0/a",
        "reason": "NOT_FOUND",
        "effect": "none",
    }
    assert trial.output["data"] == {"n": 1}
    assert trial.started == ["t", "a", "mend", "after"]
    assert trial.phases("a") == ["task.started", "task.faulted"]
    assert trial.phases("t") == ["task.started", "task.completed"]


def test_body_without_error_is_the_output() -> None:
    trial = Trial(attempt(f"{{{HANDLED}}}"))
    trial.answer("a", "fine")
    assert trial.output == "fine"
    assert "mend" not in trial.started


SAID = {"code": "LIMIT", "holder": "Ada"}


def _holds(trial: Trial, data: Any) -> bool:
    """Whether history, incidents or the outcome tell something of the data."""
    told = [msgspec.json.encode(each, enc_hook=lambda payload: payload.raw.decode()) for each in trial.history]
    return data in f"{told} {trial.incidents} {trial.outcome}"


def test_what_the_system_said_is_known_to_the_handler_and_told_nowhere() -> None:
    trial = Trial(
        attempt("{when: '$error.body.code == \"LIMIT\"', do: [{mend: {set: {got: '${ $error.body.code }'}}}]}")
    )
    trial.fail("a", said=SAID, status=422, reason="BUSINESS_REJECTED", effect="none")
    assert trial.output == {"got": "LIMIT"}
    assert not _holds(trial, "Ada")


def test_what_the_system_said_does_not_leave_the_instance_with_its_error() -> None:
    trial = Trial(attempt("{when: '$error.body.code == \"OTHER\"'}"))
    trial.fail("a", said=SAID)
    assert "body" not in trial.error and not _holds(trial, "Ada")


def test_error_that_is_raised_again_leaves_what_the_system_said_behind() -> None:
    trial = Trial(attempt("{do: [{again: {raise: {error: '${ $error }'}}}]}"))
    trial.fail("a", said=SAID, status=422)
    assert trial.error["status"] == 422
    assert "body" not in trial.error and not _holds(trial, "Ada")


def test_incident_tells_nothing_of_what_the_system_said() -> None:
    trial = Trial(call("a"), limits=Limits(incidents=True))
    trial.fail("a", said=SAID)
    (incident,) = trial.incidents.values()
    assert "body" not in incident.error and not _holds(trial, "Ada")
    assert b"Ada" not in (trial.row or b"")


def test_error_can_be_bound_to_another_name() -> None:
    trial = Trial(attempt("{as: trouble, do: [{mend: {set: {s: '${ $trouble.status }'}}}]}"))
    trial.fail("a", status=404)
    assert trial.output == {"s": 404}


def test_catch_without_handler_passes_the_input() -> None:
    trial = Trial(attempt("{}"), {"n": 1})
    trial.fail("a")
    assert trial.output == {"n": 1}


def test_error_that_matches_nothing_faults_the_instance() -> None:
    trial = Trial(attempt(f"{{errors: {{with: {{status: 404}}}}, {HANDLED}}}"))
    trial.fail("a", status=500)
    assert trial.error["status"] == 500
    assert trial.error["instance"] == "/do/0/t/try/0/a"
    assert trial.phases("t") == ["task.started", "task.faulted"]


def test_error_in_the_handler_is_not_caught_again() -> None:
    trial = Trial(attempt("{do: [{worse: {raise: {error: {type: 'https://e.com/worse', status: 599}}}}]}"))
    trial.fail("a")
    assert (trial.error["type"], trial.error["instance"]) == ("https://e.com/worse", "/do/0/t/catch/do/0/worse")


def test_outer_try_takes_what_the_inner_lets_pass() -> None:
    trial = Trial(
        """
        - outer:
            try:
              - inner:
                  try:
                    - a: {raise: {error: {type: 'https://e.com/x', status: 409}}}
                  catch: {errors: {with: {status: 404}}}
            catch:
              do:
                - mend: {set: {status: '${ $error.status }'}}
        """
    )
    assert trial.output == {"status": 409}
    assert trial.started == ["outer", "inner", "a", "mend"]


def test_handler_may_wait_for_steps_and_still_read_the_error() -> None:
    trial = Trial(attempt(f"{{do: [{{{call('b')[2:]}}}, {{mend: {{set: {{s: '${{ $error.status }}'}}}}}}]}}"))
    trial.fail("a", status=503)
    assert trial.waiting_for == ["b"]
    trial.answer("b")
    assert trial.output == {"s": 503}


@pytest.mark.parametrize(
    ("catch", "caught"),
    [
        ("when: '${ $error.status == 503 }'", True),
        ("when: '${ $error.status == 404 }'", False),
        ("exceptWhen: '${ $error.status == 503 }'", False),
        ("exceptWhen: '${ $error.status == 404 }'", True),
        ("when: '${ .patient }'", True),
        ("when: '${ .patient }', exceptWhen: '${ $error.status > 500 }'", False),
    ],
)
def test_when_and_except_when_decide(catch: str, caught: bool) -> None:
    trial = Trial(attempt(f"{{{catch}, {HANDLED}}}"), {"patient": True})
    trial.fail("a", status=503)
    assert trial.outcome is not None
    assert (trial.outcome.status == "completed") is caught


def test_failing_when_takes_the_place_of_the_error() -> None:
    trial = Trial(attempt(f"{{when: '${{ .n.x }}', {HANDLED}}}"), {"n": 1})
    trial.fail("a")
    assert (trial.error["type"], trial.error["instance"]) == (problems.EXPRESSION, "/do/0/t")


ERROR = {"type": problems.TIMEOUT, "title": "Timeout", "status": 408, "detail": "slow", "instance": "/do/0/a"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ErrorFilter(), True),
        (ErrorFilter(type=problems.TIMEOUT), True),
        *((ErrorFilter(type=family + "timeout"), True) for family in problems.OLD_FAMILIES),
        (ErrorFilter(type=problems.RUNTIME), False),
        (ErrorFilter(status=408), True),
        (ErrorFilter(status=500), False),
        (ErrorFilter(title="Timeout", detail="slow"), True),
        (ErrorFilter(title="Timeout", detail="fast"), False),
        (ErrorFilter(instance="/do/0/a"), True),
        (ErrorFilter(instance="/do/0/b"), False),
    ],
)
def test_filter_matches_all_that_it_names(wanted: ErrorFilter, expected: bool) -> None:
    assert matches(wanted, ERROR) is expected


def test_raised_error_of_an_old_family_is_caught_by_the_new() -> None:
    body = "- a: {raise: {error: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408}}}"
    trial = Trial(attempt(f"{{errors: {{with: {{type: '{problems.TIMEOUT}'}}}}, {HANDLED}}}", body))
    assert trial.output["error"]["title"] == "Timeout"


def test_raised_error_may_be_computed() -> None:
    trial = Trial(
        "- a: {raise: {error: {type: 'https://e.com/x', status: 422, title: '${ .what }', detail: as is}}}",
        {"what": "Bad"},
    )
    assert trial.error == {
        "type": "https://e.com/x",
        "status": 422,
        "title": "Bad",
        "detail": "as is",
        "instance": "/do/0/a",
    }


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ({"a": [True, None, "x"]}, '{"a":[true,null,"x"]}'),
        ([1, {"b": 2}], '[1,{"b":2}]'),
        (True, "true"),
        (5.0, "5"),
        (0.5, "0.5"),
        ("it's", "it's"),
    ],
)
def test_detail_that_is_no_text_is_shown_as_json(detail: Any, text: str) -> None:
    trial = Trial("- a: {raise: {error: {type: 'https://e.com/x', status: 422, detail: '${ .d }'}}}", {"d": detail})
    assert trial.error["detail"] == text


@pytest.mark.parametrize("title", ["Runtime error", "x", "https://e.com/x"])
def test_error_without_title_is_matched_by_no_title(title: str) -> None:
    body = "- a: {raise: {error: {type: 'https://e.com/x', status: 422}}}"
    trial = Trial(attempt(f"{{errors: {{with: {{title: '{title}'}}}}, {HANDLED}}}", body))
    assert trial.error["title"] == "x"
    caught = Trial(attempt(f"{{{HANDLED}}}", body))
    assert caught.output["error"] == {"type": "https://e.com/x", "status": 422, "instance": "/do/0/t/try/0/a"}


@pytest.mark.parametrize(
    "error", ["text", {"type": 5}, {"status": "400"}, {"status": True}, {"status": 40.5}, {"status": 1e400}]
)
def test_what_is_no_error_cannot_be_raised(error: Any) -> None:
    assert isinstance(raised(error, "/do/0/a"), str)


def test_text_that_is_no_unicode_is_made_harmless() -> None:
    made = raised({"type": "https://e.com/\ud800", "title": "\ud800", "status": 400}, "/do/0/a")
    assert isinstance(made, dict)
    assert str(made).encode()


def test_texts_of_a_raised_error_are_bounded() -> None:
    made = raised({"type": "https://e.com/x", "title": "t" * MAX_DETAIL * 2, "status": 400}, "/do/0/a")
    assert isinstance(made, dict)
    assert len(made["title"]) == MAX_DETAIL


@pytest.mark.parametrize(
    "task",
    [
        "- a: {if: '${ .x.y }', set: {}}",
        "- a: {input: {from: '${ .x.y }'}, set: {}}",
        "- a: {set: {n: '${ .x.y }'}}",
        "- a: {set: {}, output: {as: '${ $input.x.y }'}}",
        "- a: {set: {x: 1}, export: {as: '${ .x.y }'}}",
        "- a: {switch: [{c: {when: '${ .x.y }', then: continue}}]}",
        "- a: {for: {in: '${ .x }'}, do: [{b: {set: {}}}]}",
        "- a: {for: {in: '${ [1] }'}, while: '${ .x.y }', do: [{b: {set: {}}}]}",
        "- a: {wait: '${ .x }'}",
        "- a: {wait: {hours: 1}, timeout: {after: '${ .x }'}}",
        "- a: {call: human, with: {team: t, title: x, outcomes: [ok], input: '${ .x.y }'}}",
    ],
)
def test_failing_expression_names_task_and_expression(task: str) -> None:
    trial = Trial(task, {"x": 1})
    assert (trial.error["type"], trial.error["status"]) == (problems.EXPRESSION, 400)
    assert trial.error["instance"] == "/do/0/a"
    assert ".x" in trial.error["detail"]


def test_failing_expression_can_be_caught() -> None:
    trial = Trial(attempt(f"{{{HANDLED}}}", "- a: {set: {n: '${ .x.y }'}}"), {"x": 1})
    assert trial.output["error"]["status"] == 400


SCHEMA = "schema: {format: json, document: {type: object, required: [n]}}"


@pytest.mark.parametrize(
    ("task", "what"),
    [
        (f"- a: {{input: {{{SCHEMA}}}, set: {{}}}}", "input"),
        (f"- a: {{set: {{}}, output: {{{SCHEMA}}}}}", "output"),
        (f"- a: {{set: {{}}, export: {{{SCHEMA}, as: '${{ . }}'}}}}", "context"),
        (f"- a: {{set: {{}}, export: {{{SCHEMA}}}}}", "context"),
    ],
)
def test_data_that_does_not_fit_is_a_validation_error(task: str, what: str) -> None:
    trial = Trial(task)
    assert (trial.error["type"], trial.error["status"]) == (problems.VALIDATION, 400)
    assert trial.error["instance"] == "/do/0/a"
    assert trial.error["detail"].startswith(f"The {what} does not fit its schema:")


def test_input_schema_is_checked_before_the_shaping() -> None:
    assert Trial(f"- a: {{input: {{{SCHEMA}, from: '${{ {{}} }}'}}, set: {{ok: true}}}}", {"n": 1}).output == {
        "ok": True
    }


def test_output_schema_is_checked_after_the_shaping() -> None:
    assert Trial(f"- a: {{set: {{}}, output: {{{SCHEMA}, as: '${{ {{n: 1}} }}'}}}}").output == {"n": 1}


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        (f"input: {{{SCHEMA}}}", "/input"),
        (f"output: {{{SCHEMA}}}", "/output"),
        ("output: {as: '${ .n.x }'}", "/output"),
    ],
)
def test_errors_of_the_workflow_itself_name_its_part(more: str, pointer: str) -> None:
    trial = Trial(
        "- a: {set: {m: 1, n: 1}, output: {as: '${ if $input.m then . else {m: 1} end }'}}",
        {"m": 0},
        more=more.replace("[n]", "[q]"),
    )
    assert trial.error["instance"] == pointer


@pytest.mark.parametrize("handler", ["", ", do: [{mend: {set: {mended: true}}}]"])
@pytest.mark.parametrize(
    ("then", "started"),
    [("c", ["c"]), ("end", []), ("continue", ["b", "c"]), ("exit", [])],
)
def test_catch_says_where_the_flow_goes_after_an_error(handler: str, then: str, started: list[str]) -> None:
    body = "- a: {if: .bad, raise: {error: {type: 'https://e.com/x', status: 400}}}"
    tasks = f"- t: {{try: [{body[2:]}], catch: {{then: {then}{handler}}}}}\n- b: {{set: {{}}}}\n- c: {{set: {{}}}}"
    tasks = tasks.replace("[a:", "[{a:").replace("}}}]", "}}}}]", 1)
    caught = Trial(tasks, {"bad": True})
    assert [name for name in caught.started if name in "bc"] == started
    well = Trial(tasks, {"bad": False})
    assert [name for name in well.started if name in "bc"] == ["b", "c"]


def test_names_of_expressions_stand_in_errors_of_durations() -> None:
    trial = Trial("- w: {wait: {seconds: '${ .n }'}}", {"n": "x"})
    assert "expression .n:" in trial.error["detail"]
