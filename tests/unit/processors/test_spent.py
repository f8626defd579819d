"""The life of an instance is told by what it waited for, and nothing of it is told twice or left out."""

from __future__ import annotations

import pytest

from schemas.messages import CONTROL_INSTANCE, HISTORY_ENTRY, REPAIR_STEP
from streams.processors.orchestrate import retrace
from streams.processors.orchestrate.spent import Spent, spent
from streams.processors.orchestrate.ways import Way
from tests.support.clocked import PROBLEM, Clocked
from tests.support.stories import CODEC, START_MS

YAML = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - both:
      fork:
        branches:
          - fetch: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/a'}}
          - pause: {wait: {seconds: 30}}
  - ask: {call: human, with: {team: risk, title: Look at it, outcomes: [approve, decline]}}
  - judge: {call: decide, with: {model: credit-risk, input: {}}}
"""
ALONE = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - fetch: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/a'}}
"""
FETCH_ALONE = "/do/0/fetch"
FETCH, PAUSE = "/do/0/both/fork/branches/0/fetch", "/do/0/both/fork/branches/1/pause"
ASK, JUDGE = "/do/1/ask", "/do/2/judge"


async def told(story: Clocked, now_s: int) -> Spent:
    entries = await retrace.decoded(CODEC, [CODEC.encode(HISTORY_ENTRY, each) for each in story.entries])
    assert entries is not None
    return spent(entries, story.graph, START_MS + now_s * 1_000)


def seconds(found: Spent) -> dict[tuple[str, Way], float]:
    return {key: took / 1_000 for key, took in found.shares.items()}


async def test_what_a_call_waited_for_a_worker_is_not_the_time_of_its_system() -> None:
    story = Clocked(ALONE)
    story.at(0).start({})
    story.at(10).result(FETCH_ALONE, {}, taken_ms=START_MS + 7_000)
    assert seconds(await told(story, now_s=100)) == {
        (FETCH_ALONE, Way.WORKER): 7,
        (FETCH_ALONE, Way.SYSTEMS): 3,
    }


@pytest.mark.parametrize("taken_s", [-5, 0, 11])
async def test_a_clock_that_is_wrong_makes_no_time(taken_s: int) -> None:
    story = Clocked(ALONE)
    story.at(0).start({})
    story.at(10).result(FETCH_ALONE, {}, taken_ms=START_MS + taken_s * 1_000)
    assert seconds(await told(story, now_s=100)) == {(FETCH_ALONE, Way.SYSTEMS): 10}


async def test_a_step_that_is_tried_again_waits_for_a_worker_again() -> None:
    story = Clocked(ALONE)
    story.at(0).start({})
    story.at(4).retrying(FETCH_ALONE, due_s=8)
    story.at(12).result(FETCH_ALONE, {}, taken_ms=START_MS + 9_000)
    assert seconds(await told(story, now_s=100)) == {
        (FETCH_ALONE, Way.SYSTEMS): 4 + 3,
        (FETCH_ALONE, Way.RETRIES): 4,
        (FETCH_ALONE, Way.WORKER): 1,
    }


async def test_each_second_goes_to_what_is_waited_for() -> None:
    story = Clocked(YAML)
    story.at(0).start({})
    story.at(4).retrying(FETCH, due_s=8)
    story.at(12).result(FETCH, {})
    story.at(30).timer(START_MS + 30_000)
    story.at(90).result(ASK, {"outcome": "approve"})
    story.at(92).result(JUDGE, {"route": "approve"})
    found = await told(story, now_s=1_000)
    assert found.elapsed_ms == 92_000
    assert seconds(found) == {
        (FETCH, Way.SYSTEMS): (4 + 4) / 2,  # beside the pause, and so shared
        (FETCH, Way.RETRIES): 4 / 2,
        (PAUSE, Way.TIMER): 12 / 2 + 18,
        (ASK, Way.PEOPLE): 60,
        (JUDGE, Way.WORKING): 2,
    }
    took = {spell.pointer: (spell.ended_ms or 0) - spell.started_ms for spell in found.spells}
    assert took == {FETCH: 12_000, PAUSE: 30_000, ASK: 60_000, JUDGE: 2_000}


async def test_failed_step_waits_for_a_decision_and_open_one_until_now() -> None:
    story, fetch = Clocked(ALONE), FETCH_ALONE
    story.at(0).start({})
    story.at(5).fault(fetch, **PROBLEM, instance=fetch, effect="none")
    (incident,) = story.incidents
    repair = {"repair_id": "r", "incident": incident["number"], "action": "retry", "actor": "kim", "why": "up again"}
    story.at(65)._take(REPAIR_STEP, repair)
    assert seconds(await told(story, now_s=75)) == {
        (fetch, Way.SYSTEMS): 15,
        (fetch, Way.REPAIR): 60,
    }


async def test_step_that_stands_elsewhere_since_a_move_is_the_same_step() -> None:
    story, fetch = Clocked(ALONE), FETCH_ALONE
    story.at(0).start({})
    moved = ALONE.replace("1.0.0", "1.1.0").replace("do:\n", "do:\n  - first: {set: {n: 1}}\n")
    graph = story.learn(moved + "  - ask: {call: human, with: {team: a, title: A, outcomes: [done]}}\n")
    wish = {"control_id": "c", "action": "move", "digest": graph.digest, "places": {fetch: "/do/1/fetch"}}
    story.at(5)._take(CONTROL_INSTANCE, {**wish, "why": "better", "actor": "kim"})
    story.at(6).retrying(fetch, due_s=8)
    story.at(10).result(fetch, {})
    story.graph = graph
    found = await told(story, now_s=30)
    assert seconds(found) == {
        ("/do/1/fetch", Way.SYSTEMS): 8,
        ("/do/1/fetch", Way.RETRIES): 2,
        ("/do/2/ask", Way.PEOPLE): 20,
    }
    assert [spell.ended_ms for spell in found.spells] == [START_MS + 10_000, None]


@pytest.mark.parametrize(
    ("task", "way"),
    [
        ("{listen: {to: {one: {with: {type: a.b.v1}, correlate: {order: {from: .id, expect: '7'}}}}}}", Way.EVENTS),
        ("{run: {workflow: {namespace: test, name: other, version: 1.0.0}}}", Way.WORKFLOWS),
    ],
)
async def test_events_and_other_workflows_are_waited_for(task: str, way: Way) -> None:
    story = Clocked(f"""
document: {{dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}}
do:
  - hear: {task}
""")
    story.at(0).start({})
    assert seconds(await told(story, now_s=40)) == {("/do/0/hear", way): 40}
