"""A replay as a thing: begun once, paused, resumed and cancelled, in turns of which each counts once."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.messages import REPLAY_ACTION, REPLAY_STATE, REPLAY_TURN
from streams.processors.replay import processor
from streams.processors.replay.pace import FASTER, FIRST, paced
from streams.processors.replay.processor import Replay
from streams.processors.replay.request import Request, Selection, encode
from streams.processors.replay.standing import Standing, seen_key, standing_of
from streams.runtime.processor import Effects, Message, Record, Row
from tests.support.contexts import context
from tests.support.gateways import CODEC
from tests.support.tables import Table

REQUEST = encode(Request(topics=("orders.v1",)))


class Here:
    """The processor with its rows."""

    def __init__(self) -> None:
        self.table = Table()
        self.processor = Replay(context(CODEC))
        self._said = 0

    async def take(self, kind: str, **fields: Any) -> Effects:
        record = Record("replay.action.replay.v1", 0, 0, 0, b"band", b"")
        return self.table.apply(await self.processor.handle_one(Message(record, kind, fields), self.table))

    async def says(self, action: str, **fields: Any) -> dict[str, Any]:
        """The state that people see after a decision."""
        self._said += 1
        given: dict[str, Any] = {"name": "band", "action": action, "action_id": f"a{self._said}", "why": None}
        given |= {"request": REQUEST if action == "start" else None, "actor": "kim", "at_ms": 1_000 * self._said}
        effects = await self.take(REPLAY_ACTION, **given | fields)
        states = [CODEC.decode(each.value or b"") for each in effects.outputs]
        assert [name for name, _ in states] == [REPLAY_STATE] * len(states)
        return states[0][1] if states else {}

    @property
    def standing(self) -> Standing:
        found = standing_of(self.table.get(b"band"))
        assert found is not None
        return found


@pytest.fixture
def here() -> Here:
    return Here()


async def test_name_is_given_once(here: Here) -> None:
    assert (await here.says("start"))["status"] == "running"
    refused = await here.says("start")
    assert (refused["refused"], refused["status"]) == ("there has been a replay of this name; give another", "running")
    assert refused["request"] == REQUEST


async def test_same_decision_that_comes_again_does_nothing(here: Here) -> None:
    await here.says("start", action_id="same")
    seq = here.standing.seq
    assert await here.says("start", action_id="same") == {}
    assert here.standing.seq == seq


async def test_paused_it_is_not_due_and_resumed_it_is(here: Here) -> None:
    await here.says("start")
    paused = await here.says("pause", why="month end")
    row = here.table.get(b"band")
    assert row is not None
    assert (paused["status"], paused["detail"], row.due_ms) == ("paused", "pause by kim: month end", 0)
    assert (await here.says("pause"))["refused"] == "it is paused already"
    assert (await here.says("resume"))["status"] == "running"
    row = here.table.get(b"band")
    assert row is not None and row.due_ms > 0


async def test_cancelled_it_stays_so(here: Here) -> None:
    await here.says("start")
    assert (await here.says("cancel"))["status"] == "cancelled"
    assert (await here.says("resume"))["refused"] == "it is cancelled"
    assert here.standing.ended_at_ms == 2_000


async def test_decision_about_none_does_nothing(here: Here) -> None:
    assert await here.says("pause") == {}
    assert here.table.rows == {}


async def test_row_that_is_due_asks_for_the_turn_that_it_waits_for(here: Here) -> None:
    await here.says("start")
    row = here.table.get(b"band")
    assert row is not None
    (turn,) = here.processor.on_due(b"band", row, row.due_ms).outputs
    assert CODEC.decode(turn.value or b"") == (REPLAY_TURN, {"name": "band", "turn": 0})


async def test_turn_that_is_over_or_not_wanted_does_nothing(here: Here) -> None:
    await here.says("start")
    assert await here.take(REPLAY_TURN, name="band", turn=1) == Effects([], {})
    await here.says("pause")
    assert await here.take(REPLAY_TURN, name="band", turn=0) == Effects([], {})
    assert await here.take(REPLAY_TURN, name="nobody", turn=0) == Effects([], {})


async def test_live_events_go_first(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "measured", lambda settings: {"intake": 3, "orchestrate": 1_000})
    await here.says("start")
    await here.take(REPLAY_TURN, name="band", turn=0)
    why = "waits: 1000 records wait before orchestrate, and 1000 may (EXLIFY_REPLAY_YIELDS_AT)"
    assert (here.standing.status, here.standing.turn, here.standing.detail) == ("running", 1, why)
    assert not here.standing.planned
    row = here.table.get(b"band")
    assert row is not None and row.due_ms > here.standing.at_ms


@pytest.mark.parametrize(
    ("planned", "done", "took_s", "next_turn"),
    [
        (FIRST, FIRST, 0.02, FASTER * FIRST),  # a second has room for more, but step by step
        (100, 100, 0.5, 200),
        (100, 100, 500.0, 1),  # a candidate that needs five seconds for each
        (1, 1, 5.0, 1),
        (1, 1, 0.0, FASTER),
        (100, 4, 0.02, 200),
        (100, 0, 3.0, 100),  # none was meant, which says nothing
    ],
)
def test_turn_takes_as_many_as_take_about_a_second(planned: int, done: int, took_s: float, next_turn: int) -> None:
    assert paced(planned, done, took_s) == next_turn


async def test_turn_that_cannot_be_carried_out_ends_its_replay(here: Here) -> None:
    await here.says("start")
    message = Message(Record("t", 0, 0, 5_000, b"band", b""), REPLAY_TURN, {"name": "band", "turn": 0})
    here.table.apply(here.processor.on_parked(message, here.table))
    assert (here.standing.status, here.standing.ended_at_ms) == ("failed", 5_000)


async def test_what_was_seen_is_forgotten_in_time(here: Here) -> None:
    key = seen_key("band", "ab" * 16)
    assert here.processor.on_due(key, Row(b"", 1), 2) == Effects([], {key: None})


@pytest.mark.parametrize(
    ("wish", "taken"),
    [
        ({}, True),
        ({"types": ("a",)}, True),
        ({"types": ("b",)}, False),
        ({"sources": ("/x", "/shop")}, True),
        ({"subjects": ("O-2",)}, False),
        ({"where": ".total > 2"}, True),
        ({"where": ".total > 3"}, False),
        ({"where": ".total"}, False),
        ({"where": ".total.sum > 3"}, False),
    ],
)
def test_events_are_chosen_by_what_they_say(wish: dict[str, Any], taken: bool) -> None:
    selection = Selection(Request(topics=("orders.v1",), **wish))
    assert selection.takes({"type": "a", "source": "/shop", "subject": "O-1"}, {"total": 3}) is taken
