"""Whom work goes to: shrunken speeds, what waiting costs, what lies with whom; and the made-up desk that tries it."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from models.assigning.choosing import Load, Person, chosen, cost
from models.assigning.desk import Desk, Someone, Work
from models.assigning.speeds import Speeds
from models.decisions.support_routing.simulator import GROUPS, RoundRobin, Ticket, World, least_loaded, run

TEAM = frozenset({"support"})


def test_one_lucky_case_makes_nobody_a_specialist() -> None:
    speeds = _known()
    usual = speeds.expected("kim", "cards/pin")
    speeds.note("kim", "cards/pin", 60)
    assert usual / 2 < speeds.expected("kim", "cards/pin") < usual
    for _ in range(60):
        speeds.note("kim", "cards/pin", 60)
    assert speeds.expected("kim", "cards/pin") < 90


def test_speed_is_learned_for_person_and_kind_and_says_something_of_what_is_near() -> None:
    speeds = _known()
    for _ in range(40):
        speeds.note("kim", "cards/pin", 200)
    near, far = speeds.expected("kim", "cards/lost"), speeds.expected("kim", "payments/late")
    assert speeds.expected("kim", "cards/pin") < near < speeds.expected("lee", "cards/lost")
    assert near < far < speeds.expected("lee", "payments/late")


def test_newcomer_is_taken_for_the_usual_one_and_given_the_benefit_of_the_doubt() -> None:
    speeds = _known()
    for _ in range(100):
        speeds.note("lee", "cards/pin", 600)
    assert speeds.expected("new", "cards/pin") == pytest.approx(600, rel=0.1)
    assert speeds.optimistic("new", "cards/pin") < speeds.optimistic("lee", "cards/pin")


@pytest.mark.parametrize("seconds", [0.0, -5.0, 1e12])
def test_strange_times_do_no_harm(seconds: float) -> None:
    speeds = _known()
    speeds.note("kim", "", seconds)
    assert math.isfinite(speeds.expected("kim", "a/b/c/d/e/f"))


def test_work_goes_where_it_costs_least() -> None:
    busy = Person("fast", [Load(1, 300), Load(1, 300)], 5)
    idle = Person("slow", [], 5)
    assert chosen([busy, idle], {"fast": 100.0, "slow": 500.0}.__getitem__, 1) == "slow"
    assert chosen([busy, idle], {"fast": 100.0, "slow": 900.0}.__getitem__, 1) == "fast"
    assert chosen([idle, busy], {"fast": 100.0, "slow": 900.0}.__getitem__, 1) == "fast"


def test_what_costs_more_goes_before_what_has_not_begun_and_pays_for_its_delay() -> None:
    begun, behind = Load(1, 300, begun=True), Load(1, 300)
    assert cost(Person("a", [begun, behind], 5), 100, 4) == (False, 4 * 400 + 100)
    assert cost(Person("a", [begun, behind], 5), 100, 1) == (False, 700)


def test_nobody_gets_more_than_their_capacity_or_anything_while_away() -> None:
    full, away = Person("full", [Load(1, 1)], 1), Person("away", [], 5, present=False)
    assert chosen([full, away], lambda _: 1.0, 1) is None
    leaving, slow = Person("leaving", [], 5, leaves_s=50), Person("slow", [], 5)
    assert chosen([leaving, slow], {"leaving": 100.0, "slow": 5_000.0}.__getitem__, 1) == "slow"
    assert chosen([leaving], lambda _: 100.0, 1) == "leaving"


def test_desk_learns_from_when_somebody_could_begin() -> None:
    desk, people = Desk(), {"kim": Someone(TEAM)}
    for key in ("a", "b"):
        desk.open[key] = Work("support", "cards", came_ms=0)
        assert desk.place(key, people, 0, lambda *_: 60.0) == "kim"
    assert desk.end("a", "kim", 100_000) == 100
    assert desk.end("b", "kim", 130_000) == 30  # not 130: it lay there while they did the other
    desk.open["c"] = Work("support", "cards", came_ms=150_000)
    assert desk.end("c", "lee", 200_000) == 50  # by somebody whom it was not given to
    desk.open["d"] = Work("support", "cards")
    assert desk.end("d", None, 1) is None
    assert (desk.open, desk.has) == ({}, {"kim": []})


def test_what_lies_with_who_is_away_is_found_and_given_to_another() -> None:
    people = {"kim": Someone(TEAM, away=((1_000, 2_000),)), "lee": Someone(TEAM, frozenset({"pin"}), capacity=1)}
    desk = Desk(open={"a": Work("support", "cards"), "b": Work("support", "cards", ("pin",)), "c": Work("other", "")})
    desk.give("a", "kim", 0)
    assert [desk.place(key, people, 0, lambda *_: 60.0) for key in "bc"] == ["lee", None]
    assert desk.left(people, 999) == [] and desk.left(people, 1_000) == ["a"]
    desk.give("a", None, 1_000)
    assert desk.place("a", people, 1_000, lambda *_: 60.0) is None  # lee has all that they can
    assert desk.unplaced() == ["a", "c"]
    assert desk.left({"kim": people["kim"]}, 0) == ["b"]  # lee is not of the site any more


def test_desk_is_the_same_after_it_was_written_down() -> None:
    desk = Desk(open={"a": Work("support", "cards")})
    desk.place("a", {"kim": Someone(TEAM)}, 5, lambda *_: 60.0)
    desk.end("a", "kim", 10_000)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(desk), type=Desk) == desk


def test_assign_beats_each_in_turn_and_the_fewest_and_is_beaten_by_who_knows_the_truth() -> None:
    drawn = random.Random(5)
    found = []
    for _ in range(600):
        group = drawn.choice(GROUPS)
        intent = f"{group}{drawn.randrange(8)}"
        found.append(Ticket(intent, group, intent, group, drawn.choice((1.0, 1.0, 2.0, 4.0))))
    world = World(7, found, people=10)
    learned = run(world, lambda desk, person, n: desk.speeds.optimistic(person, world.tickets[n].kind), chosen)
    fewest = run(world, lambda *_: 1.0, least_loaded)
    in_turn = run(world, lambda *_: 1.0, RoundRobin())
    oracle = run(world, lambda _, person, n: world.known(person, n), chosen)
    assert oracle.cost < learned.cost < fewest.cost < in_turn.cost
    assert learned.newcomers > 0.1


def _known() -> Speeds:
    speeds = Speeds()
    for person in ("kim", "lee", "ada"):
        for kind in ("cards/pin", "cards/lost", "payments/late"):
            for _ in range(10):
                speeds.note(person, kind, 600)
    return speeds
