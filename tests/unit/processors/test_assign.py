"""Tasks that are given to people: by load, skills and learned speed; moved when somebody is away; each state once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.assigning.desk import Desk
from schemas.messages import HUMAN_TASK
from streams.ground.errors import ConfigurationError
from streams.processors.assign.processor import LOOK_MS, MAX_DESK_BYTES
from streams.processors.human import rules
from tests.support.desk import NOW_MS, command
from tests.support.office import Office
from tests.support.tables import Table

MINUTE_MS = 60_000
PEOPLE = """
ada: {teams: [credit], skills: [german]}
kim: {teams: [credit], away: [{from: '2026-09-21T15:00:00Z', until: '2026-09-22T15:00:00Z'}]}
lee: {teams: [other]}
"""
AWAY_MS = 1_790_002_800_000  # from when kim is away


def test_tasks_are_shared_and_skills_are_asked_for(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    first, second = office.ask(1), office.ask(2)
    assert sorted(office.given(first, second), key=str) == ["ada", "kim"]
    assert office.given(office.ask(3, skills=["german"])) == ["ada"]
    assert office.given(office.ask(4, skills=["dutch"])) == [None]


def test_who_has_been_fast_at_a_kind_gets_more_of_it(tmp_path: Path) -> None:
    office = Office(tmp_path, "ada: {teams: [credit]}\nkim: {teams: [credit]}\n")
    for number in range(40):
        task = office.ask(number, kind="loans")
        person, minutes = ("kim", 1) if number % 2 else ("ada", 30)
        office.answer(task, person, minutes * MINUTE_MS)
    later = [office.ask(100 + number, kind="loans") for number in range(6)]
    assert office.given(*later) == ["kim"] * 6


def test_what_lies_with_who_goes_away_goes_to_another(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE.replace("ada: {teams: [credit], skills: [german]}", ""))
    task = office.ask(1)
    assert office.given(task) == ["kim"]
    (tmp_path / "people.yaml").write_text(PEOPLE)
    office.begin_anew()
    office.now_ms = AWAY_MS - 1
    office.look()
    assert office.given(task) == ["kim"]
    office.now_ms += LOOK_MS
    office.look()
    assert office.given(task) == ["ada"]


def test_that_somebody_is_away_is_seen_however_much_comes_in_meanwhile(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.now_ms = AWAY_MS - 120 * MINUTE_MS
    tasks = [office.ask(number) for number in range(4)]
    assert "kim" in office.given(*tasks)
    office.now_ms = AWAY_MS - LOOK_MS
    for number in range(10, 20):
        office.now_ms += LOOK_MS // 3
        tasks.append(office.ask(number))
        office.look()
    assert "kim" not in office.given(*tasks)


def test_nobody_there_waits_until_somebody_is(tmp_path: Path) -> None:
    office = Office(tmp_path, "kim: {teams: [credit], capacity: 1}\n")
    first, second = office.ask(1), office.ask(2)
    assert office.given(first, second) == ["kim", None]
    office.answer(first, "kim", MINUTE_MS)
    assert office.given(second) == ["kim"]


def test_very_many_that_wait_are_asked_about_once_for_all_who_could(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each that waits was looked at for each that ends, a thousand of them took the desk minutes."""
    office = Office(
        tmp_path, "kim: {teams: [credit], capacity: 1}\nada: {teams: [credit], skills: [german], capacity: 0}\n"
    )
    first, *others = [office.ask(number, skills=["german"] if number % 2 else []) for number in range(200)]
    placed: list[str] = []
    place = Desk.place

    def counted(desk: Desk, key: str, *more: Any) -> str | None:
        placed.append(key)
        return place(desk, key, *more)

    monkeypatch.setattr(Desk, "place", counted)
    office.answer(first, "kim", MINUTE_MS)
    assert office.given(others[1]) == ["kim"] and set(office.given(*others[2:])) == {None}
    assert len(placed) <= 6, "the one that is placed, and one of each team and skills"


def test_answer_of_another_ends_it_and_teaches_their_speed_once(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    task = office.ask(1, kind="loans")
    office.answer(task, "somebody", MINUTE_MS)
    office.seen(task)
    speeds = office.table.rows[b"s/somebody"].value
    office.seen(task)
    assert office.table.rows[b"s/somebody"].value == speeds
    assert b'"open"' not in office.table.rows[b"desk"].value and office.tasks[task].status == "completed"


def test_what_the_task_says_stands(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    task = office.ask(1)
    (person,) = office.given(task)
    other = "kim" if person == "ada" else "ada"
    office.now_ms += 1
    office.tasks[task] = office.tasks[task].changed(given_to=other, updated_at_ms=office.now_ms)
    office.seen(task)
    assert office.given(task, office.ask(2)) == [other, person]
    office.now_ms += 1
    office.tasks[task] = office.tasks[task].changed(team="other", updated_at_ms=office.now_ms)
    office.seen(task)
    assert office.given(task) == ["lee"]


def test_tasks_that_say_nothing_of_it_are_nobodys(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    task = rules.opened(command().data, NOW_MS)
    assert task.fields["assign"] is None
    assert office.processor.handle([office.message(HUMAN_TASK, task.fields)], Table()).outputs == []


@pytest.mark.parametrize(
    "text",
    ["kim: {skills: [a]}", "kim: {teams: [a], capacity: many}", "kim: {teams: [a], away: [{from: 2026-12-24}]}",
     "kim: {teams: [a], away: [{from: 2026-12-24, until: 2026-12-23}]}", "kim: {teams: [a], team: b}"],
)  # fmt: skip
def test_people_that_make_no_sense_are_refused_with_their_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"people\.yaml:1:"):
        Office(tmp_path, text)


@pytest.mark.parametrize("wanted", [{"weight": 0}, {"skills": "german"}, {"who": "kim"}, 5])
def test_assign_that_makes_no_sense_is_refused(wanted: Any) -> None:
    with pytest.raises(ValueError, match="assign"):
        rules.opened(command(assign=wanted).data, NOW_MS)


def test_desk_stays_within_what_a_row_may_be_whatever_tasks_ask_for_and_is_emptied_again(tmp_path: Path) -> None:
    office = Office(tmp_path, "ada: {teams: [other]}\n")
    skills = [f"{number:02d}" + "x" * 98 for number in range(20)]
    ids = [office.ask(number, kind="k" * 200, skills=skills) for number in range(600)]
    assert max(len(row.value) for row in office.table.rows.values()) < 2 * MAX_DESK_BYTES
    for task_id in ids:
        office.answer(task_id, "ada", 1_000)
    assert len(office.table.rows[b"desk"].value) < 1_000
