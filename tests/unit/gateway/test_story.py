"""What is told of an instance beside its rows: why it ended, what its steps were asked with, what it waits for."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.messages import HISTORY_ENTRY, HUMAN_TASK, INCIDENT
from streams.processors.orchestrate import retrace
from tests.support.desk import Desk, command
from tests.support.gateways import Gateway
from tests.support.stories import Story

YAML = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - both:
      fork:
        branches:
          - pause: {wait: {hours: 1}}
          - fetch:
              call: http
              with: {method: get, endpoint: '${ .address }'}
              timeout: {after: PT2M}
  - ask:
      call: human
      with: {team: risk-review, title: Look at it, outcomes: [approve, decline]}
"""
FETCH = "/do/0/both/fork/branches/1/fetch"
PROBLEM = {"type": "about:blank", "title": "Not there", "status": 404, "detail": "GET erp/orders/7 answered 404"}


@pytest.fixture
def told(gateway: Gateway) -> Story:
    story = Story(YAML)
    gateway.services.definitions.learn(story.definition)
    see(gateway, story.start({"address": "http://127.0.0.1:1/a"}))
    return story


def see(gateway: Gateway, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        gateway.see(HISTORY_ENTRY, entry)


def see_task(gateway: Gateway, pointer: str) -> None:
    """A task of the instance; the team has it since the desk got the command."""
    desk = Desk()
    (task,) = desk.decoded(desk.deliver(command()), HUMAN_TASK)
    ours = {"instance_id": "ab" * 16, "pointer": pointer, "task_id": f"{'ab' * 16}{pointer}/0/0"}
    gateway.see(HUMAN_TASK, task | ours)


async def shown(gateway: Gateway, story: Story) -> dict[str, Any]:
    status, found = await gateway.ask("GET", f"/v1/instances/{story.instance_id}")
    assert status == 200
    return dict(found)


async def test_waits_and_arguments_are_told_without_being_on_record(gateway: Gateway, told: Story) -> None:
    found = await shown(gateway, told)
    pause, fetch = found["waits_for"]
    assert (pause["kind"], pause["since"], pause["until"]) == (
        "wait", "2026-09-21T14:13:21.000Z", "2026-09-21T15:13:21.000Z",
    )  # fmt: skip
    assert (fetch["function"], fetch["pointer"], fetch["until"]) == ("http", FETCH, "2026-09-21T14:15:21.000Z")
    (asked,) = found["history"][0]["asked"]
    assert (asked["pointer"], asked["arguments"]) == (FETCH, {"method": "GET", "endpoint": "http://127.0.0.1:1/a"})


async def test_person_who_is_waited_for_is_told_by_team_and_title(gateway: Gateway, told: Story) -> None:
    see(gateway, told.result(FETCH, {"rows": []}))
    (entry,) = told.timer(1_790_000_000_000 + 3_601_000)
    see(gateway, [entry])
    see_task(gateway, "/do/1/ask")
    (wait,) = (await shown(gateway, told))["waits_for"]
    assert (wait["function"], wait["until"]) == ("human", None)
    assert wait["task"]["task_id"] == f"{told.instance_id}/do/1/ask/0/0"
    assert (wait["task"]["team"], wait["task"]["title"]) == ("credit", "Review")


async def test_step_that_failed_is_told_with_its_instance_and_in_lists(gateway: Gateway, told: Story) -> None:
    see(gateway, told.fault(FETCH, **PROBLEM))
    (incident,) = told.incidents
    gateway.see(INCIDENT, incident)
    found = await shown(gateway, told)
    assert (found["status"], [each["kind"] for each in found["waits_for"]]) == ("incident", ["wait"])
    assert {name: value for name, value in found["incidents"][0]["error"].items() if value} == PROBLEM | {
        "instance": FETCH
    }
    (listed,) = (await gateway.ask("GET", "/v1/instances?status=incident"))[1]["instances"]
    assert listed["error"] == found["incidents"][0]["error"]


async def test_reason_of_a_failure_is_told_with_the_instance_and_in_lists(gateway: Gateway) -> None:
    told = Story(YAML.replace("version: 1.0.0", "version: 1.0.0, metadata: {onError: fault}"))
    gateway.services.definitions.learn(told.definition)
    see(gateway, told.start({"address": "http://127.0.0.1:1/a"}))
    see(gateway, told.fault(FETCH, **PROBLEM))
    found = await shown(gateway, told)
    assert (found["status"], found["waits_for"]) == ("faulted", [])
    assert found["error"] == PROBLEM | {"instance": FETCH}
    listed = (await gateway.ask("GET", "/v1/instances?status=faulted"))[1]["instances"]
    assert [each["error"] for each in listed] == [found["error"]]


async def test_cancelled_instance_says_who_and_why(gateway: Gateway, told: Story) -> None:
    see(gateway, told.cancel("withdrawn", "kim"))
    error = (await shown(gateway, told))["error"]
    assert (error["detail"], error["by"], error["reason"]) == ("withdrawn", "kim", "CANCELLED")


async def test_history_with_a_gap_tells_what_it_holds_and_no_more(gateway: Gateway, told: Story) -> None:
    told.result(FETCH, {"rows": []})  # the view has not seen this
    see(gateway, told.timer(1_790_000_000_000 + 3_601_000))
    found = await shown(gateway, told)
    assert (found["waits_for"], len(found["history"])) == (None, 2)
    assert "asked" not in found["history"][0]


async def test_history_that_another_engine_wrote_is_not_guessed_at(gateway: Gateway) -> None:
    story = Story(YAML)
    gateway.services.definitions.learn(story.definition)
    (entry,) = story.start({"address": "http://127.0.0.1:1/a"})
    see(gateway, [entry | {"transitions": entry["transitions"][:-1]}])
    assert (await shown(gateway, story))["waits_for"] is None


async def test_long_history_is_not_folded(gateway: Gateway, told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrace, "MAX_ENTRIES", 0)
    assert (await shown(gateway, told))["waits_for"] is None


@pytest.mark.parametrize(("begins", "found"), [("ab", 2), ("abab", 1), ("abc", 1), ("b", 0), ("ab" * 16, 1)])
async def test_instances_are_found_by_how_their_id_begins(gateway: Gateway, begins: str, found: int) -> None:
    for identity in ("ab" * 16, "abc" + "0" * 29):
        see(gateway, Story(YAML, identity).start({"address": "http://127.0.0.1:1/a"}))
    listed = (await gateway.ask("GET", f"/v1/instances?instance_id={begins}"))[1]["instances"]
    assert len(listed) == found


async def test_beginning_of_an_id_is_digits(gateway: Gateway) -> None:
    assert (await gateway.ask("GET", "/v1/instances?instance_id=%25"))[0] == 400


@pytest.mark.parametrize(("begins", "found"), [("ab", 2), ("ab" * 16 + "/do/1", 1), ("ab" * 16 + "/do/_", 0), ("b", 0)])
async def test_tasks_are_found_by_how_their_id_begins(gateway: Gateway, begins: str, found: int) -> None:
    for pointer in ("/do/0/a", "/do/1/b"):
        see_task(gateway, pointer)
    assert len((await gateway.ask("GET", f"/v1/tasks?task_id={begins}"))[1]["tasks"]) == found
