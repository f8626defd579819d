"""What was done is undone: in reverse, once each, whatever comes in between."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.ids import step_id
from schemas.lifecycle import Phase
from streams.engine import Limits
from tests.support.trial import INSTANCE, Trial, call, graph_of

MENDED = Limits(incidents=True)
REFUSED = "raise: {error: {type: https://example.com/refused, status: 403, title: Refused}}"


def step(name: str, undo: str | None = "") -> str:
    """A step with an effect; `undo` has what its undo says beside its call, None for none declared."""
    task = f"- {name}: {{call: http, with: {{method: post, endpoint: 'https://x.example/{name}', body: '${{ . }}'}}"
    if undo is None:
        return task + "}"
    undo_call = f"call: http, with: {{method: post, endpoint: 'https://x.example/undo-{name}', body: '${{ . }}'}}{undo}"
    return f"{task}, metadata: {{compensate: {{{undo_call}}}}}}}"


def branches(*tasks: str) -> str:
    return "- all: {fork: {branches: [" + ", ".join("{" + task.removeprefix("- ") + "}" for task in tasks) + "]}}"


def trial(*tasks: str, data: Any = None, more: str = "", limits: Limits = MENDED) -> Trial:
    return Trial("\n".join(tasks), data, more, limits)


def undos(one: Trial) -> list[str]:
    """Names of the steps whose undos are pending."""
    return [pointer.split("/")[-3] for pointer in one.pending if pointer.endswith("/metadata/compensate")]


def undo(one: Trial, name: str, output: Any = None) -> None:
    assert undos(one) == [name]
    one.answer("compensate", output)


def given(one: Trial) -> Any:
    (command,) = [each for pointer, each in one.pending.items() if pointer.endswith("/compensate")]
    return command.arguments.value()["body"]


def test_what_was_done_is_undone_in_reverse_before_a_cancelled_instance_ends() -> None:
    one = trial(step("a"), step("b"), call("c"), data={"n": 1})
    one.answer("a", {"n": 2})
    one.answer("b", {"n": 3})
    one.cancel("not wanted")
    assert one.status == "undoing" and one.waiting_for == ["compensate"]
    key = given(one)["key"]
    assert len(key) > 20
    assert given(one) == {"input": {"n": 2}, "output": {"n": 3}, "key": key, "fallback": 0}
    undo(one, "b")
    undo(one, "a")
    assert one.outcome is not None and one.outcome.status == "cancelled"
    assert (one.outcome.undone, one.outcome.standing) == (["/do/1/b", "/do/0/a"], None)
    assert one.phases("b") == ["task.started", "task.completed", "task.undone"]
    assert [each.phase for each in one.history if not each.pointer] == [
        "workflow.started", "workflow.undoing", "workflow.cancelled",
    ]  # fmt: skip


def test_a_completed_instance_undoes_nothing() -> None:
    one = trial(step("a"))
    one.answer("a", {"n": 2})
    assert one.output == {"n": 2} and one.outcome is not None
    assert (one.outcome.undone, one.outcome.standing) == (None, None)


def test_an_error_that_ends_the_instance_undoes_and_is_its_error() -> None:
    one = trial(step("a"), f"- no: {{{REFUSED}}}")
    one.answer("a")
    undo(one, "a")
    assert one.error["title"] == "Refused"


def test_an_incident_that_is_failed_undoes_what_was_done_before() -> None:
    one = trial(step("a"), step("b"))
    one.answer("a")
    one.fail("b", effect="none")
    one.repair("b", "fail")
    undo(one, "a")
    assert one.error["title"] == "Broken"


def test_without_undo_it_ends_at_once_and_says_what_stands() -> None:
    one = trial(step("a"), step("b"))
    one.answer("a")
    one.fail("b", effect="none")
    one.repair("b", "fail", undo=False)
    assert one.error["title"] == "Broken" and one.outcome is not None
    assert (one.outcome.undone, one.outcome.standing) == (None, ["/do/0/a"])


def test_branches_are_undone_in_the_reverse_order_of_their_commits() -> None:
    one = trial(branches(step("a"), step("b"), step("c")), call("d"))
    for name in "bca":
        one.answer(name)
    one.cancel()
    for name in "acb":
        undo(one, name)
    assert one.outcome is not None


def test_a_person_refuses_after_two_of_three_effects_and_the_third_is_undone_if_it_was_done() -> None:
    refusal = "- ask: {do: [" + call("person").removeprefix("- ").join("{}") + f", {{no: {{{REFUSED}}}}}]}}"
    one = trial(step("z"), branches(step("a"), step("b"), step("c"), refusal))
    one.answer("z")
    one.answer("a")
    one.answer("b")
    late = one.result("c", {"n": "c"})
    one.answer("person", {"outcome": "refused"})
    assert one.status == "undoing" and undos(one) == []
    (told,) = one.withdrawn
    assert told.pointer.endswith("/c") and told.answer
    one.send(late)
    for name in "cbaz":
        undo(one, name)
    assert one.error["title"] == "Refused"
    assert one.phases("c") == ["task.started", "task.cancelled", "task.settled", "task.undone"]


def test_what_was_withdrawn_in_time_needs_no_undo() -> None:
    one = trial(branches(step("a"), step("b")))
    one.answer("a")
    withdrawn = one.result("b", None, {"type": "x", "title": "Withdrawn", "status": 500, "effect": "none"})
    one.cancel()
    one.send(withdrawn)
    undo(one, "a")
    assert one.outcome is not None and one.outcome.undone == ["/do/0/all/fork/branches/0/a"]


def test_a_step_in_doubt_waits_for_somebody_who_looks() -> None:
    one = trial(step("a"), step("b"))
    one.answer("a")
    one.fail("b", effect="unknown")
    one.repair("b", "fail")
    (incident,) = one.open_incidents
    assert incident.reason == "OUTCOME_UNKNOWN" and incident.pointer == "/do/1/b/metadata/compensate"
    assert one.status == "incident"
    one.repair("compensate", "retry")
    undo(one, "b")
    undo(one, "a")
    assert one.outcome is not None and one.outcome.undone == ["/do/1/b", "/do/0/a"]


def test_an_undo_that_fails_waits_for_people_and_goes_on_as_they_decide() -> None:
    one = trial(step("a"), step("b"), call("c"))
    one.answer("a")
    one.answer("b")
    one.cancel()
    one.fail("compensate")
    assert one.status == "incident"
    one.repair("compensate", "retry")
    assert undos(one) == ["b"]
    one.fail("compensate")
    one.repair("compensate", "fail")
    undo(one, "a")
    assert one.outcome is not None
    assert (one.outcome.status, one.outcome.undone, one.outcome.standing) == ("cancelled", ["/do/0/a"], ["/do/1/b"])


def test_where_nobody_mends_a_failed_undo_stands_and_the_others_go_on() -> None:
    one = trial(step("a"), step("b"), step("c", None), call("d"), limits=Limits())
    for name in "abc":
        one.answer(name)
    one.fail("d")
    assert undos(one) == ["b"]
    one.fail("compensate")
    undo(one, "a")
    assert one.error["title"] == "Broken" and one.outcome is not None
    assert (one.outcome.undone, one.outcome.standing) == (["/do/0/a"], ["/do/2/c", "/do/1/b"])


def test_a_step_that_declares_no_undo_is_an_incident_which_says_so() -> None:
    one = trial(step("a"), step("b", None), call("c"))
    one.answer("a")
    one.answer("b")
    one.cancel()
    (incident,) = one.open_incidents
    assert incident.reason == "UNDO_MISSING" and "`b` is done and stands" in str(incident.error["detail"])
    one.repair("compensate", "skip")
    undo(one, "a")
    assert one.outcome is not None and one.outcome.undone == ["/do/1/b", "/do/0/a"]


def test_a_corrected_definition_may_say_how_it_is_undone() -> None:
    one = trial(step("a"), step("b", None), call("c"))
    one.answer("a")
    one.answer("b")
    one.cancel()
    better = graph_of("\n".join([step("a"), step("b"), call("c")]))
    one.repair("compensate", "retry", corrected=better)
    undo(one, "b")
    undo(one, "a")
    assert one.outcome is not None


def test_steps_that_read_or_say_none_need_no_undo() -> None:
    read = "- r: {call: http, with: {method: get, endpoint: 'https://x.example/r'}}"
    none = step("n", None).removesuffix("}") + ", metadata: {compensate: none}}"
    one = trial(step("a"), read, none, call("c"))
    for name in "arn":
        one.answer(name)
    one.cancel()
    undo(one, "a")
    assert one.outcome is not None and one.outcome.standing is None


def test_a_try_undoes_what_was_done_in_it_before_its_handler() -> None:
    one = trial(
        step("z"),
        "- t:\n    try:\n    " + step("a") + "\n    " + step("b") + "\n    catch: {as: error, do: ["
        "{h: {set: '${ {was: $error.title} }'}}]}\n    metadata: {compensate: true}",
    )
    one.answer("z")
    one.answer("a")
    one.fail("b", effect="none")
    assert one.status == "undoing"
    undo(one, "a")
    assert one.output == {"was": "Broken"} and one.outcome is not None
    assert one.outcome.undone == ["/do/1/t/try/0/a"]


def test_a_try_in_a_loop_undoes_its_own_turn_only() -> None:
    one = trial(
        "- l:\n    for: {in: '${ [1, 2] }'}\n    do:\n    - t:\n        try:\n        "
        + step("a")
        + "\n        "
        + step("b")
        + "\n        catch: {}\n        metadata: {compensate: true}"
    )
    one.answer("a", {"turn": 1})
    one.answer("b", {"turn": 1})
    one.answer("a", {"turn": 2})
    one.fail("b", effect="none")
    assert given(one)["output"] == {"turn": 2}
    undo(one, "a")
    assert one.output is not None and one.outcome is not None
    assert one.outcome.undone == ["/do/0/l/do/0/t/try/0/a"]


def test_an_end_waits_for_a_try_that_is_undoing() -> None:
    attempt = (
        "- t: {try: [" + step("a").removeprefix("- ").join("{}") + ", " + step("b").removeprefix("- ").join("{}")
        + "], catch: {}, metadata: {compensate: true}}"
    )  # fmt: skip
    one = trial(step("z"), branches(attempt, call("person")))
    one.answer("z")
    one.answer("a")
    one.fail("b", effect="none")
    assert undos(one) == ["a"]
    one.cancel()
    assert undos(one) == ["a"], "it is not begun a second time"
    undo(one, "a")
    undo(one, "z")
    assert one.outcome is not None and one.outcome.undone == [
        "/do/1/all/fork/branches/0/t/try/0/a", "/do/0/z",
    ]  # fmt: skip


def test_a_timeout_around_a_try_that_is_undoing_lets_it_go_on_beside() -> None:
    attempt = (
        "- t:\n    try:\n    " + step("a") + "\n    " + step("b") + "\n    catch: {}\n"
        "    metadata: {compensate: true}\n    timeout: {after: {seconds: 5}}"
    )  # fmt: skip
    one = trial(attempt, call("c"))
    one.answer("a")
    one.fail("b", effect="none")
    one.pass_time(6_000)
    (incident,) = one.open_incidents
    one.repair("t", "skip")
    one.answer("c", {"n": 1})
    assert one.outcome is None and undos(one) == ["a"]
    undo(one, "a")
    assert one.output == {"n": 1} and incident.error["title"] == "Timeout"


def test_a_second_cancel_changes_nothing_and_one_without_undo_ends_it() -> None:
    one = trial(step("a"), step("b"), call("c"))
    one.answer("a")
    one.answer("b")
    one.cancel()
    seen = len(one.history)
    one.cancel()
    assert len(one.history) == seen
    one.cancel(undo=False)
    assert one.outcome is not None and one.outcome.standing == ["/do/1/b", "/do/0/a"]
    assert [each.pointer for each in one.withdrawn][-1].endswith("/b/metadata/compensate")


def test_a_suspended_instance_that_undoes_stands_still() -> None:
    one = trial(branches(step("a"), step("b")))
    one.answer("a")
    late = one.result("b", {"n": 1})
    one.cancel()
    one.control("suspend")
    one.send(late)
    assert one.status == "suspended" and undos(one) == []
    one.control("resume")
    undo(one, "b")
    undo(one, "a")
    assert one.outcome is not None


def test_a_suspended_instance_that_is_cancelled_undoes_what_has_come_meanwhile() -> None:
    one = trial(branches(step("a"), step("b")))
    one.answer("a")
    one.control("suspend")
    one.send(one.result("b", {"n": 1}))
    one.cancel()
    undo(one, "b")
    undo(one, "a")
    assert one.outcome is not None


def test_a_moved_instance_undoes_as_its_new_definition_says() -> None:
    one = trial(step("a"), call("c"))
    one.answer("a")
    other = graph_of("- first: {set: {}}\n" + step("renamed") + "\n" + call("c"))
    one.control("move", other, a="renamed", c="c")
    assert any(each.phase == Phase.WORKFLOW_MOVED for each in one.history)
    one.cancel()
    undo(one, "renamed")
    assert one.outcome is not None


def test_what_was_done_has_to_be_there_in_the_other_definition() -> None:
    one = trial(step("a"), call("c"))
    one.answer("a")
    one.control("move", graph_of(call("c")), c="c")
    (refused,) = [each for each in one.history if each.phase == Phase.CONTROL_REFUSED]
    assert refused.data is not None and "/do/0/a is done" in str(refused.data.value())


def test_what_undoes_is_not_moved_to_a_definition_that_undoes_nothing() -> None:
    one = trial(step("a"), step("b"), call("c"))
    one.answer("a")
    one.answer("b")
    one.cancel()
    one.control("move", graph_of("\n".join([step("a", None), step("b", None), call("c")])))
    (refused,) = [each for each in one.history if each.phase == Phase.CONTROL_REFUSED]
    assert refused.data is not None and "is being undone" in str(refused.data.value())
    undo(one, "b")
    undo(one, "a")
    assert one.outcome is not None and one.outcome.undone == ["/do/1/b", "/do/0/a"]


def test_an_undo_may_be_a_list_with_a_try_and_its_errors_stay_inside() -> None:
    undo_list = (
        "- a:\n    call: http\n    with: {method: post, endpoint: 'https://x.example/a'}\n    metadata:\n"
        "      compensate:\n        do:\n        - t: {try: [{one: {call: http, with: {method: delete,"
        " endpoint: 'https://x.example/a'}}}], catch: {do: [" + call("byHand").removeprefix("- ").join("{}") + "]}}"
    )  # fmt: skip
    one = trial(
        "- out:\n    try:\n    "
        + undo_list.replace("\n", "\n    ")
        + "\n    - n: {"
        + REFUSED
        + "}\n    catch: {errors: {with: {status: 1}}}"
    )
    one.answer("a")
    one.fail("one")
    assert one.waiting_for == ["byHand"]
    one.answer("byHand")
    assert one.error["title"] == "Refused" and one.outcome is not None and one.outcome.undone


def test_a_workflow_timeout_undoes() -> None:
    one = trial(step("a"), call("c"), more="timeout: {after: {seconds: 1}}")
    one.answer("a")
    one.pass_time(1_500)
    undo(one, "a")
    assert one.error["title"] == "Timeout"


def test_who_has_done_it_in_the_place_of_another_is_told_to_the_undo() -> None:
    fallback = (
        "- a: {call: http, with: {method: post, endpoint: 'https://x.example/a'}, metadata: {recovery: {fallback: ["
        "{call: http, with: {method: post, endpoint: 'https://y.example/a'}}]}, compensate: {call: http, with: "
        "{method: post, endpoint: 'https://x.example/u', body: '${ . }'}}}}"
    )
    one = trial(fallback, call("c"))
    one.fail("a", effect="none")
    one.answer("a", {"id": 7})
    one.cancel()
    assert given(one)["fallback"] == 1 and given(one)["output"] == {"id": 7}


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_race_undoes_what_its_loser_has_done_only_if_it_comes_to_nothing(name: str) -> None:
    one = trial(branches(step("a"), step("b")).replace("]}}", "], compete: true}}"), call("c"))
    other = one.result("b" if name == "a" else "a", {"late": True})
    one.answer(name)
    one.send(other)
    one.cancel()
    assert given(one)["output"] == {"late": True}


def test_what_one_before_may_have_done_is_looked_at_too() -> None:
    fallback = (
        "- a: {call: http, with: {method: post, endpoint: 'https://x.example/a'}, metadata: {recovery: {fallback: ["
        "{call: human, with: {team: t, title: x, outcomes: [ok]}, inDoubt: true}]}, compensate: {call: http, with: "
        "{method: post, endpoint: 'https://x.example/u', body: '${ . }'}}}}"
    )
    one = trial(fallback)
    one.fail("a", effect="unknown")
    one.cancel()
    (incident,) = one.open_incidents
    assert incident.reason == "OUTCOME_UNKNOWN"
    one.repair("compensate", "skip")
    assert one.outcome is not None and one.outcome.status == "cancelled"


def test_an_undo_that_raises_an_error_of_its_own_is_an_incident_as_a_whole() -> None:
    undo_list = "compensate: {do: [" + call("byHand").removeprefix("- ").join("{}") + f", {{no: {{{REFUSED}}}}}]}}"
    one = trial(step("a", None).removesuffix("}") + f", metadata: {{{undo_list}}}}}", step("b"), call("c"))
    one.answer("a")
    one.answer("b")
    one.cancel()
    undo(one, "b")
    for decision in ("retry", "fail"):
        one.answer("byHand")
        (incident,) = one.open_incidents
        assert (incident.pointer, incident.error["title"]) == ("/do/0/a/metadata/compensate", "Refused")
        one.repair("compensate", decision)
    assert one.outcome is not None and one.outcome.standing == ["/do/0/a"]


def test_giving_up_an_undo_of_a_suspended_instance_has_to_wait() -> None:
    one = trial(step("a"), step("b"), call("c"))
    one.answer("a")
    one.answer("b")
    one.cancel()
    one.fail("compensate")
    one.control("suspend")
    one.repair("compensate", "fail")
    assert one.status == "suspended" and undos(one) == []
    one.control("resume")
    one.repair("compensate", "fail")
    undo(one, "a")
    assert one.outcome is not None and one.outcome.standing == ["/do/1/b"]


def test_an_undo_whose_answer_came_while_the_instance_was_suspended_is_not_waited_for_when_it_is_cancelled() -> None:
    attempt = (
        "- t: {try: [" + step("a").removeprefix("- ").join("{}") + ", " + step("b").removeprefix("- ").join("{}")
        + "], catch: {}, metadata: {compensate: true}}"
    )  # fmt: skip
    one = trial(step("z"), branches(attempt, call("person")))
    one.answer("z")
    one.answer("a")
    one.fail("b", effect="none")
    one.control("suspend")
    undo(one, "a")
    one.cancel()
    undo(one, "z")
    assert one.outcome is not None and one.outcome.undone == [
        "/do/1/all/fork/branches/0/t/try/0/a", "/do/0/z",
    ]  # fmt: skip


def test_undos_that_a_corrected_definition_says_have_keys_of_their_own() -> None:
    def tasks(undo: str | None) -> str:
        loop = "- l:\n    for: {in: '${ [1, 2] }'}\n    do:\n    " + step("a", undo)
        return "\n".join((step("z"), loop, call("c")))

    one = trial(tasks(None))
    one.answer("z")
    one.answer("a")
    one.answer("a")
    one.cancel()
    one.repair("compensate", "retry", corrected=graph_of(tasks("")))
    keys = []
    for _ in range(2):
        (command,) = one.pending.values()
        keys.append(command.key or step_id(INSTANCE, command.pointer, command.iteration, command.attempt))
        undo(one, "a")
    assert len(set(keys)) == 2
    undo(one, "z")
    assert one.outcome is not None and one.outcome.undone == ["/do/1/l/do/0/a", "/do/1/l/do/0/a", "/do/0/z"]


def test_a_map_that_undoes_beside_another_keeps_its_elements_apart() -> None:
    workflow = "workflow: {namespace: sales, name: refund}"
    each = f"{{call: map, with: {{in: '${{ [1, 2] }}', concurrency: 1, {workflow}}}}}"
    one = trial(
        "- l:\n    for: {in: '${ [1, 2] }'}\n    do:\n    - t:\n        try:\n        - a: {call: http, with: "
        "{method: post, endpoint: 'https://x.example/a'}, metadata: {compensate: "
        + each
        + "}}\n        "
        + step("b")
        + "\n        catch: {}\n        metadata: {compensate: true}\n        timeout: {after: {seconds: 5}}\n"
        + call("last")
    )
    one.answer("a")
    one.fail("b", effect="none")
    first = one.result("workflow", 1)
    one.pass_time(6_000)
    one.repair("t", "skip")
    one.answer("a")
    one.fail("b", effect="none")
    second = one.result("workflow", 1)
    one.send(first)
    third = one.result("workflow", 2)
    one.send(second)
    one.send(third)
    one.answer("workflow", 2)
    assert one.phases("a").count("task.undone") == 2 and one.waiting_for == ["last"]
