"""What was under way when a worker died: counted record by record, and forgotten when it turns out well."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.runtime.in_flight import TRIED_AFTER, InFlight
from streams.runtime.processor import Record


def record(offset: int, topic: str = "in") -> Record:
    return Record(topic, 0, offset, 0, b"k", b"v")


def test_deaths_are_those_of_the_records_under_way(tmp_path: Path) -> None:
    life = InFlight(tmp_path / "note")
    for offset in (1, 2, 3):
        life.begin(record(offset))
    life.end(record(2))
    life.close()
    life = InFlight(tmp_path / "note")
    assert [life.deaths(record(offset)) for offset in (1, 2, 3, 4)] == [1, 0, 1, 0]
    assert life.deaths(record(1, "another")) == 0


def test_suspect_that_was_not_reached_again_keeps_its_deaths(tmp_path: Path) -> None:
    for first in (True, False):
        life = InFlight(tmp_path / "note")
        for offset in (1, 2) if first else (1,):
            life.begin(record(offset))
        life.close()
    life = InFlight(tmp_path / "note")
    assert [life.deaths(record(offset)) for offset in (1, 2)] == [2, 1]


def test_what_turns_out_well_is_above_suspicion(tmp_path: Path) -> None:
    for _ in range(3):
        life = InFlight(tmp_path / "note")
        life.begin(record(1))
        life.close()
    life = InFlight(tmp_path / "note")
    assert life.deaths(record(1)) == 3
    life.begin(record(1))
    life.end(record(1))
    life.close()
    assert InFlight(tmp_path / "note").deaths(record(1)) == 0


def test_end_in_order_is_no_death_and_forgets_none(tmp_path: Path) -> None:
    life = InFlight(tmp_path / "note")
    life.begin(record(1))
    life.close()
    life = InFlight(tmp_path / "note")
    for offset in (1, 2):
        life.begin(record(offset))
        life.interrupted(record(offset))
    life.close()
    life = InFlight(tmp_path / "note")
    assert [life.deaths(record(offset)) for offset in (1, 2)] == [1, 0]


def test_records_that_were_finished_elsewhere_are_forgotten(tmp_path: Path) -> None:
    life = InFlight(tmp_path / "note")
    for offset in (1, 2, 3):
        life.begin(record(offset))
    life.close()
    life = InFlight(tmp_path / "note")
    life.starts_at("in", 3)
    life.close()
    life = InFlight(tmp_path / "note")
    assert [life.deaths(record(offset)) for offset in (1, 2, 3)] == [0, 0, 1]


def test_file_that_holds_anything_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(b"\xff" * 100_000)
    life = InFlight(tmp_path / "note")
    life.starts_at("in", 1)
    for offset in range(10_000):
        life.begin(record(offset))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 39), st.integers(1, 8))
def test_only_the_deadly_record_of_many_under_way_comes_to_trial(deadly: int, slots: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tried: set[int] = set()
        for _ in range(TRIED_AFTER + 1):
            if lives(InFlight(Path(folder) / "note"), deadly, slots, tried):
                break
    assert deadly in tried
    assert tried <= set(range(deadly - slots + 1, deadly + 1)), "only what was under way in both deaths"


def lives(life: InFlight, deadly: int, slots: int, tried: set[int]) -> bool:
    """One life on the queue with so many records under way; the deadly one kills once it has begun."""
    under_way: list[int] = []
    for offset in range(40):
        if len(under_way) == slots:
            life.end(record(under_way.pop(0)))
        if life.deaths(record(offset)) >= TRIED_AFTER:
            tried.add(offset)
            life.end(record(offset))
            continue
        life.begin(record(offset))
        under_way.append(offset)
        if offset == deadly:
            life.close()
            return False
    life.close()
    return True
