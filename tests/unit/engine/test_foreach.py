"""`foreach` of a `listen`: tasks for each event, one event after the other, however the events come."""

from __future__ import annotations

from tests.support.trial import Trial, call

PAID = "{with: {type: paid.v1}}"
SENT = "{with: {type: sent.v1}}"


def each_of(to: str, body: str, more: str = "", then: str = "") -> Trial:
    tasks = "".join(f"      {line}\n" for line in body.splitlines())
    return Trial(
        f"- w:\n    listen: {{to: {to}}}\n    foreach:\n      item: event\n{more}      do:\n{tasks}{then}", {"id": 5}
    )


def test_each_event_has_the_tasks_and_the_output_is_what_they_give_in_turn() -> None:
    trial = each_of(f"{{any: [{PAID}], until: 'length > 1'}}", call("a", ", output: {as: '${ [$event, $index, .] }'}"))
    wait = trial.awaited[0]
    trial.receive(wait, "1", "one")
    trial.receive(wait, "2", "two")
    assert trial.awaited == []
    trial.answer("a", "first")
    assert trial.outcome is None
    trial.answer("a", "second")
    assert trial.output == [["one", 0, "first"], ["two", 1, "second"]]


def test_next_event_begins_when_the_tasks_of_the_one_before_have_ended() -> None:
    trial = each_of(f"{{any: [{PAID}], until: false}}", call("a"))
    for number in ("1", "2", "3"):
        trial.receive(trial.awaited[0], number, number)
    assert trial.started.count("a") == 1
    trial.answer("a")
    assert trial.started.count("a") == 2


def test_same_event_twice_has_its_tasks_once() -> None:
    trial = each_of(f"{{any: [{PAID}], until: 'length > 1'}}", "- a: {set: '${ $event }'}")
    wait = trial.awaited[0]
    for _ in range(2):
        trial.receive(wait, "1", "one")
    assert trial.started.count("a") == 1
    trial.receive(wait, "2", "two")
    assert trial.output == ["one", "two"]


def test_all_of_several_are_worked_on_in_the_order_in_which_they_come() -> None:
    trial = each_of(f"{{all: [{PAID}, {SENT}]}}", "- a: {set: '${ $event }'}")
    first, second = trial.awaited
    trial.receive(second, "1", "sent")
    trial.receive(first, "2", "paid")
    assert trial.output == ["sent", "paid"]


def test_what_foreach_exports_and_gives_is_shaped_for_each_event() -> None:
    more = "      output: {as: '${ {n: .n, at: $index} }'}\n"
    more += "      export: {as: '${ {sum: (($context.sum // 0) + $output.n)} }'}\n"
    trial = each_of(
        f"{{any: [{PAID}], until: 'length > 1'}}",
        "- a: {set: '${ $event }'}",
        more,
        "- last: {set: '${ {sum: $context.sum, all: .} }'}",
    )
    for number in (3, 4):
        trial.receive(trial.awaited[0], str(number), {"n": number})
    assert trial.output == {"sum": 7, "all": [{"n": 3, "at": 0}, {"n": 4, "at": 1}]}


def test_tasks_that_fail_take_the_waits_back_with_them() -> None:
    tasks = f"""
    - t:
        try:
          - w:
              listen: {{to: {{any: [{PAID}, {SENT}], until: false}}}}
              foreach:
                do: [{{r: {{raise: {{error: {{type: 'https://example.com/no', status: 400}}}}}}}}]
        catch: {{do: [{{h: {{call: human, with: {{team: t, title: x, outcomes: [ok]}}}}}}]}}
    """
    trial = Trial(tasks)
    trial.receive(trial.awaited[0], "1")
    assert trial.awaited == []
    assert trial.started[-1] == "h"


def test_workflow_that_ends_in_them_listens_no_more() -> None:
    trial = each_of(f"{{any: [{PAID}], until: false}}", "- a: {set: '${ $event }', then: end}")
    trial.receive(trial.awaited[0], "1", "last")
    assert trial.output == "last"
    assert trial.awaited == []


def test_timeout_ends_the_listening_and_what_is_under_way() -> None:
    listening = f"listen: {{to: {{any: [{PAID}], until: false}}}}, timeout: {{after: PT1H}}"
    tasks = f"- w: {{{listening}, foreach: {{do: [{call('a')[2:]}]}}}}"
    trial = Trial(tasks)
    trial.receive(trial.awaited[0], "1")
    assert "a" in trial.started
    trial.pass_time(3_600_000)
    assert trial.outcome is not None
    assert trial.outcome.error is not None
    assert trial.awaited == []
    assert [each.pointer.rpartition("/")[2] for each in trial.withdrawn] == ["a"]
