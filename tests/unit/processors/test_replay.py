"""A past event processed anew: what is on record answers it, what is computed is computed, and nothing else happens."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import asdict

from models.serving.registry import Registry
from schemas import ids
from schemas.payload import Payload
from schemas.reasons import Reason
from schemas.steps import COMPLETED, FAULTED, problem
from streams import engine
from streams.engine import RepairStep, StartInstance, StepCommand, StepResult
from streams.language.graph import Graph
from streams.processors.costs import Prices
from streams.processors.orchestrate.retrace import Entry
from streams.processors.replay.answers import Answers
from streams.processors.replay.record import FirstRun, first_run
from streams.processors.replay.rerun import Rerun, rerun
from tests.support.definitions import load

START_MS = 1_790_000_000_000
LIMITS = engine.Limits(incidents=True)
ORDER = """
document: {{ dsl: 1.0.3, namespace: shop, name: order, version: {version} }}
schedule: {{ on: {{ one: {{ with: {{ type: com.example.order.v1 }} }} }} }}
do:
{before}
  - check:
      call: rules
      with:
        table:
          rows:
            - {{ when: {{ total: "> {limit}" }}, route: review }}
            - {{ when: {{}}, route: approve }}
      export: {{ as: "${{ {{order: $input, route: .route}} }}" }}
  - route:
      switch:
        - dear: {{ when: '${{ .route == "review" }}', then: look }}
        - cheap: {{ then: pay }}
  - look:
      call: human
      with: {{ team: shop, title: "${{ \\"Order \\" + ($context.order.total|tostring) }}", outcomes: [approve] }}
      timeout: {{ after: {{ days: 3 }} }}
  - pay:
      call: http
      with: {{ method: post, endpoint: "https://bank.example.com/pay", body: "${{ $context.order }}" }}
      output: {{ as: "${{ {{paid: .paid}} }}" }}
"""


def order(limit: int = 100, version: str = "1.0.0", before: str = "") -> Graph:
    return load(ORDER.format(limit=limit, version=version, before=before))


def started(graph: Graph, total: int) -> StartInstance:
    instance_id = ids.instance_id(graph.name, "/shop", str(total))
    return StartInstance(
        instance_id=instance_id, workflow=graph.name, version=graph.version, digest=graph.digest, source="/shop",
        event_id=ids.Key(str(total)), event_type="com.example.order.v1", time_ms=START_MS,
        data=Payload.inside(b'{"total":%d}' % total),
    )  # fmt: skip


class Lived:
    """An instance as a site lives it: every record one step of the engine, and one entry of its history."""

    def __init__(self, graph: Graph, total: int) -> None:
        self.graph = graph
        self.entries: list[Entry] = []
        self.open: list[StepCommand] = []
        self.commands: list[object] = []
        self._state: engine.State | None = None
        self._now_ms = START_MS
        self.start = started(graph, total)
        self.take(self.start, "exlify.StartInstance", 0)

    def take(self, event: engine.Event, name: str, after_ms: int) -> None:
        self._now_ms += after_ms
        step = engine.step(self.graph, self._state, event, self._now_ms, LIMITS)
        self._state = step.state
        assert step.state is not None
        entry: dict[str, Any] = {
            "instance_id": self.start.instance_id, "seq": step.state.seq, "at_ms": self._now_ms,
            "status": step.state.status, "transitions": [asdict(each) for each in step.transitions],
        }  # fmt: skip
        self.entries.append((entry, name, asdict(event)))
        self.commands += step.commands
        self.open += [each for each in step.commands if isinstance(each, StepCommand)]

    def answer(self, output: bytes, after_ms: int = 1_000) -> None:
        command = self.open.pop(0)
        self.take(_result(command, COMPLETED, Payload.inside(output)), "exlify.StepResult", after_ms)

    def fail(self, after_ms: int = 1_000) -> None:
        command = self.open.pop(0)
        error = problem(Reason.UNREACHED, "nobody answers", command.pointer)
        self.take(_result(command, FAULTED, None, error), "exlify.StepResult", after_ms)

    def decided(self) -> None:
        """The open decision, answered as decide would."""
        command = self.open[0]
        came = Answers(FirstRun(EMPTY), "", Registry(), lambda *_: None, None)(command, self._now_ms)
        assert came is not None and came.result is not None and came.result.output is not None
        self.answer(came.result.output.raw, 7)

    def again(self, graph: Graph | None = None) -> tuple[Rerun, Answers, FirstRun]:
        """The same event anew, with another definition if one is given."""
        graph = graph or self.graph
        first = first_run({self.graph.digest: self.graph}.get, self.entries)
        answers = Answers(first, self.start.instance_id, Registry(), lambda *_: None, None)
        start = started(graph, int(self.start.event_id))
        start.instance_id = ids.replay_instance_id(graph.name, "/shop", start.event_id, "again")
        assert first.at_ms is not None
        return rerun(graph, start, first.at_ms, answers, first.received), answers, first


EMPTY = first_run(lambda *_: None, ()).tale


def _result(command: StepCommand, status: str, output: Payload | None, error: Any = None) -> StepResult:
    return StepResult(
        instance_id=command.instance_id, pointer=command.pointer, iteration=command.iteration,
        attempt=command.attempt, status=status, output=output, error=error,
    )  # fmt: skip


@pytest.fixture
def reviewed() -> Lived:
    """An order that a person has looked at for a day, and that was paid."""
    lived = Lived(order(), 150)
    lived.decided()
    lived.answer(b'{"outcome":"approve","data":{}}', 86_400_000)
    lived.answer(b'{"paid":true}')
    return lived


def test_the_same_again_comes_to_the_same_in_the_same_time(reviewed: Lived) -> None:
    again, answers, first = reviewed.again()
    assert (again.tale.ended, again.tale.routes) == ("completed", {"check": "review", "look": "approve"})
    assert again.tale == first.tale
    assert again.tale.took_ms == 86_401_007
    assert (answers.assumed, answers.real) == (0, 0)


def test_another_threshold_takes_another_route_and_what_is_asked_the_same_is_answered(reviewed: Lived) -> None:
    again, _, first = reviewed.again(order(limit=200, version="1.1.0"))
    assert first.tale.routes == {"check": "review", "look": "approve"}
    assert (again.tale.ended, again.tale.routes) == ("completed", {"check": "approve"})
    assert (first.tale.people, again.tale.people) == (1, 0)


def test_what_nothing_on_record_answers_stops_the_run() -> None:
    lived = Lived(order(), 50)
    lived.decided()
    lived.answer(b'{"paid":true}')
    again, _, _ = lived.again(order(limit=10, version="1.1.0"))
    assert (again.tale.ended, again.stopped_at) == ("unanswered", "human /do/2/look")
    assert again.outcome is None


def test_another_request_is_not_answered_from_record(reviewed: Lived) -> None:
    changed = load(ORDER.format(limit=200, version="1.1.0", before="").replace("$context.order }", "{due: 1} }"))
    again, _, _ = reviewed.again(changed)
    assert (again.tale.ended, again.stopped_at) == ("unanswered", "http /do/3/pay")


def test_a_task_that_has_moved_is_known_by_its_name(reviewed: Lived) -> None:
    moved = order(version="1.1.0", before="  - note: { set: '${ . }' }")
    again, answers, _ = reviewed.again(moved)
    assert (again.tale.ended, answers.assumed) == ("completed", 0)


def test_the_word_of_a_person_counts_though_the_task_shows_something_else(reviewed: Lived) -> None:
    changed = load(ORDER.format(limit=100, version="1.1.0", before="").replace("Order ", "Please look at "))
    again, answers, _ = reviewed.again(changed)
    assert (again.tale.ended, answers.assumed) == ("completed", 1)


def test_a_step_that_people_had_done_again_is_answered_as_it_was_in_the_end() -> None:
    lived = Lived(order(), 50)
    lived.decided()
    lived.fail()
    repair = RepairStep(
        instance_id=lived.start.instance_id, repair_id="r", incident=2, action="retry", why="it is back", actor="me"
    )
    (incident,) = [each for each in lived._state.frames if type(each).__name__ == "IncidentFrame"]  # type: ignore[union-attr]
    repair.incident = incident.id
    lived.take(repair, "exlify.RepairStep", 60_000)
    lived.answer(b'{"paid":true}')
    again, _, first = lived.again()
    assert (first.tale.ended, again.tale.ended) == ("completed", "completed")


def test_an_incident_that_is_open_is_one_again() -> None:
    lived = Lived(order(), 50)
    lived.decided()
    lived.fail()
    again, _, first = lived.again()
    assert first.tale.ended == again.tale.ended == "incident: UNREACHED"
    assert again.stopped_at == "incident /do/3/pay"


def test_a_timeout_passes_at_once_and_takes_its_time() -> None:
    lived = Lived(order(), 150)
    lived.decided()
    lived.take(
        engine.TimerFired(instance_id="", due_ms=START_MS + 7 + 3 * 86_400_000), "exlify.TimerFired", 300_000_000
    )
    again, _, first = lived.again()
    assert first.tale.ended == again.tale.ended
    assert again.tale.took_ms == 7 + 3 * 86_400_000


def test_who_waits_for_a_person_still_is_unanswered() -> None:
    lived = Lived(order(), 150)
    lived.decided()
    again, _, first = lived.again()
    assert (first.tale.ended, again.tale.ended) == ("waiting", "unanswered")


def test_without_a_record_only_what_is_computed_goes_on() -> None:
    graph = order()
    answers = Answers(FirstRun(EMPTY), "", Registry(), lambda *_: None, None)
    again = rerun(graph, started(graph, 50), START_MS, answers)
    assert (again.tale.routes, again.tale.ended) == ({"check": "approve"}, "unanswered")


UNDOES = """
document: { dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0 }
schedule: { on: { one: { with: { type: com.example.order.v1 } } } }
do:
  - pay:
      call: http
      with: { method: post, endpoint: "https://bank.example.com/pay" }
      metadata: { compensate: { call: http, with: { method: post, endpoint: "https://bank.example.com/pay-back" } } }
  - refuse: { raise: { error: { type: https://example.com/refused, status: 403, title: Refused } } }
"""


def test_nothing_is_really_undone_also_where_a_replay_may_act() -> None:
    graph, really = load(UNDOES), []

    def act(command: StepCommand, now_ms: int) -> StepResult:
        really.append(command.pointer)
        return StepResult(
            instance_id=command.instance_id, pointer=command.pointer, iteration=0, attempt=0, status=COMPLETED
        )

    answers = Answers(FirstRun(EMPTY), "", Registry(), lambda *_: None, act)
    again = rerun(graph, started(graph, 50), START_MS, answers)
    assert really == ["/do/0/pay"] and again.outcome is not None
    assert (again.outcome.status, again.outcome.undone) == ("faulted", ["/do/0/pay"])


def test_what_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.processors.replay.rerun.MAX_STEPS", 100)
    turning = load(
        """
document: { dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0 }
do:
  - rest: { wait: PT1H }
  - on: { switch: [{ always: { then: rest } }] }
"""
    )
    again = rerun(turning, started(turning, 1), START_MS, lambda command, now: None)
    assert again.tale.ended == "given up"
    assert again.tale.took_ms == 100 * 3_600_000


LISTENS = """
document: { dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0 }
schedule: { on: { one: { with: { type: com.example.order.v1 } } } }
do:
  - paid:
      listen: { to: { one: { with: { type: com.example.paid.v1 } } } }
"""


def test_event_that_was_listened_for_comes_again_at_its_time() -> None:
    lived = Lived(load(LISTENS), 50)
    (await_,) = [each for each in lived.commands if isinstance(each, engine.AwaitEvent)]
    event = b'{"specversion":"1.0","id":"9","source":"/bank","type":"com.example.paid.v1","data":{}}'
    received = engine.EventReceived(
        instance_id=await_.instance_id, pointer=await_.pointer, iteration=0, attempt=0, filter=0, key=await_.key,
        event_key="e", event=Payload.inside(event), values=Payload.inside(b"{}"), at_ms=START_MS, origin=0,
    )  # fmt: skip
    waiting, _, _ = lived.again()
    assert (waiting.tale.ended, waiting.stopped_at) == ("unanswered", "listen /do/0/paid")
    lived.take(received, "exlify.EventReceived", 5_000)
    again, _, first = lived.again()
    assert first.tale.ended == again.tale.ended == "completed"
    assert again.tale.took_ms == 5_000


LISTENS_TWICE = """
document: { dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0 }
schedule: { on: { one: { with: { type: com.example.order.v1 } } } }
do:
  - each:
      for: { each: number, in: "${ [1, 2] }" }
      do:
        - hear:
            try:
              - part:
                  listen: { to: { one: { with: { type: com.example.part.v1 } } } }
                  timeout: { after: PT1M }
            catch:
              do:
                - none: { set: { late: true } }
"""


def heard(lived: Lived, event_id: str, after_ms: int, to: int = -1) -> None:
    """An event comes to the round that has begun to listen last, or to another."""
    await_ = [each for each in lived.commands if isinstance(each, engine.AwaitEvent)][to]
    event = b'{"specversion":"1.0","id":"%b","source":"/shop","type":"com.example.part.v1","data":{}}'
    received = engine.EventReceived(
        instance_id=await_.instance_id, pointer=await_.pointer, iteration=await_.iteration, attempt=0, filter=0,
        key=await_.key, event_key=event_id, event=Payload.inside(event % event_id.encode()),
        values=Payload.inside(b"{}"), at_ms=START_MS, origin=0,
    )  # fmt: skip
    lived.take(received, "exlify.EventReceived", after_ms)


def late(lived: Lived, after_ms: int) -> None:
    lived.take(engine.TimerFired(instance_id="", due_ms=lived._now_ms + after_ms), "exlify.TimerFired", after_ms)


def test_events_of_a_loop_come_again_each_to_its_round() -> None:
    lived = Lived(load(LISTENS_TWICE), 50)
    heard(lived, "1", 5_000)
    heard(lived, "2", 7_000)
    again, _, first = lived.again()
    assert first.tale.ended == again.tale.ended == "completed"
    assert again.tale == first.tale


def test_event_of_a_later_round_does_not_come_to_one_that_heard_nothing() -> None:
    lived = Lived(load(LISTENS_TWICE), 50)
    late(lived, 60_000)
    heard(lived, "1", 7_000)
    again, _, first = lived.again()
    assert first.tale.ended == again.tale.ended == "completed"
    assert again.tale == first.tale


def test_event_that_came_too_late_for_a_round_comes_to_the_next() -> None:
    lived = Lived(load(LISTENS_TWICE), 50)
    late(lived, 60_000)
    heard(lived, "1", 1_000, to=0)  # on its way when the time was over, and given back
    heard(lived, "1", 1_000)
    again, _, first = lived.again()
    assert first.tale.ended == again.tale.ended == "completed"
    assert again.tale.output == first.tale.output


def test_both_runs_cost_what_they_ask(reviewed: Lived) -> None:
    prices = Prices(teams={"shop": 2.5})
    first = first_run({reviewed.graph.digest: reviewed.graph}.get, reviewed.entries, prices=prices)
    answers = Answers(first, reviewed.start.instance_id, Registry(), lambda *_: None, None)
    graph = order(limit=200)
    again = rerun(graph, started(graph, 150), START_MS, answers, prices=prices)
    assert (first.tale.cost, again.tale.cost) == (2.5, 0.0)
