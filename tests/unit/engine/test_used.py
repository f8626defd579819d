"""What stands under `use` and is named in tasks: errors, timeouts, functions."""

from __future__ import annotations

from schemas import problems
from tests.support.trial import Trial, call

GREET = """
use:
  functions:
    greet:
      input: {schema: {document: {type: object, required: [name]}}}
      do:
        - ask: {call: human, with: {team: t, title: x, outcomes: [ok], input: '${ . }'}}
"""


def test_function_has_what_with_gives_as_its_input_and_each_call_has_steps_of_its_own() -> None:
    trial = Trial(
        "- a: {call: greet, with: {name: '${ .n }'}}\n- b: {call: greet, with: {name: B}}",
        {"n": "A"},
        GREET,
    )
    assert trial.pending["/do/0/a/call/greet/do/0/ask"].arguments.value()["input"] == {"name": "A"}
    trial.answer("ask", 1)
    assert list(trial.pending) == ["/do/1/b/call/greet/do/0/ask"]
    trial.answer("ask", 2)
    assert trial.output == 2


def test_function_without_with_is_given_the_input_of_the_call_and_its_schema_holds() -> None:
    trial = Trial("- a: {call: greet}", {"name": "N"}, GREET)
    assert "ask" in trial.started
    refused = Trial("- a: {call: greet, with: {nobody: 1}}", None, GREET)
    assert refused.started == ["a", "greet"]
    assert refused.outcome is not None
    assert refused.outcome.error is not None
    assert refused.outcome.error["type"] == problems.VALIDATION


def test_end_in_a_function_ends_the_workflow() -> None:
    more = "use: {functions: {stop: {do: [{a: {set: {n: 1}, then: end}}]}}}"
    assert Trial("- x: {call: stop}\n- y: {set: {n: 2}}", None, more).output == {"n": 1}


def test_error_of_a_function_goes_to_the_try_around_its_call() -> None:
    more = "use: {functions: {ask: {call: human, with: {team: t, title: x, outcomes: [ok]}}}}"
    trial = Trial("- t: {try: [{a: {call: ask}}], catch: {as: e, do: [{h: {set: '${ $e.instance }'}}]}}", None, more)
    trial.fail("ask")
    assert trial.output == "/do/0/t/try/0/a/call/ask"


def test_named_error_is_raised_with_expressions_of_the_place() -> None:
    more = "use: {errors: {late: {type: 'https://example.com/late', status: 409, title: Late, detail: '${ .why }'}}}"
    trial = Trial("- r: {raise: {error: late}}", {"why": "snow"}, more)
    assert trial.outcome is not None
    error = trial.outcome.error
    assert error is not None
    assert {name: error[name] for name in ("type", "status", "title", "detail", "instance")} == {
        "type": "https://example.com/late", "status": 409, "title": "Late", "detail": "snow", "instance": "/do/0/r",
    }  # fmt: skip


def test_named_timeout_counts_for_task_and_workflow() -> None:
    more = "use: {timeouts: {short: {after: PT5M}, long: {after: '${ {minutes: 7} }'}}}\ntimeout: long"
    trial = Trial(f"- t: {{try: [{call('a', ', timeout: short')[2:]}], catch: {{}}}}\n{call('b')}", None, more)
    trial.pass_time(300_000)
    assert trial.started[-1] == "b"
    trial.pass_time(120_000)
    assert trial.outcome is not None
    assert trial.outcome.error is not None
    assert trial.outcome.error["instance"] == "/timeout"
