"""The state: compact, complete, and readable by later versions."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import Key
from schemas.lifecycle import Status
from streams.engine import Instance, decode_state, encode_state
from streams.engine.constructs.call import StepFrame
from streams.engine.constructs.do import ListFrame
from streams.engine.constructs.for_ import LoopFrame
from streams.engine.constructs.fork import ForkFrame
from streams.engine.constructs.try_ import TryFrame
from streams.engine.constructs.wait import WaitFrame
from streams.engine.state import Frame
from tests.support.trial import Trial, call

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(data=JSON, context=JSON)
def test_state_comes_back_as_it_was(data: object, context: object) -> None:
    state = Instance[Frame](
        "d" * 64, "w", "1", Status.WAITING, 3, None, "/s", Key("1"), 1_700_000_000_000, input=data, context=context,
        entries={3: 1},
        frames=[
            ListFrame(0, 0, -1, 1),
            LoopFrame(1, 1, 0, 1, item=data, index=2, remaining=[data, None]),
            ForkFrame(2, 2, 1, 1, waiting=1, results=[data, None], exports={0: context}),
            TryFrame(3, 3, 2, 1, kept=(data,), error={"status": 1}),
            StepFrame(4, 4, 3, 1, expires_ms=9, kept=(data, context), iteration=7, attempt=2),
            WaitFrame(5, 5, 3, 1, due_ms=8),
        ],
    )  # fmt: skip
    raw = encode_state(state)
    again = decode_state(raw)
    assert isinstance(again, Instance)
    assert again.size == len(raw)
    assert msgspec.structs.replace(again, size=0) == state
    assert encode_state(again) == raw


def test_data_that_nobody_reads_later_is_not_kept() -> None:
    needless = Trial(call("a"), {"secret": "x" * 1000})
    needed = Trial(call("a", ", output: {as: '${ $input }'}"), {"secret": "x" * 1000})
    assert needless.row is not None
    assert needed.row is not None
    assert len(needless.row) < 200
    assert 1000 < len(needed.row) < 1300


def test_rows_of_steps_without_attempt_still_decode() -> None:
    frames = [[0, 0, 0, -1, 1, 0, []], [4, 1, 1, 0, 1, 9, [{"n": 1}], 7]]
    row = [0, "d" * 64, "w", "1", "running", 3, None, "/s", "1", 1_700_000_000_000, 0, 2, None, {}, {1: 8}, frames]
    state = decode_state(msgspec.msgpack.encode(row))
    assert isinstance(state, Instance)
    assert state.frames[1] == StepFrame(1, 1, 0, 1, expires_ms=9, kept=({"n": 1},), iteration=7, attempt=0)


def test_attempt_of_step_comes_from_its_frame() -> None:
    trial = Trial(call("a") + "\n- b: {set: {x: 1}}")
    state = decode_state(trial.row or b"")
    assert isinstance(state, Instance)
    state.frames[-1] = msgspec.structs.replace(state.frames[-1], attempt=2)
    trial.row = encode_state(state)
    assert [entry.phase for entry in trial.send(trial.result("a", 1)).transitions] == ["result.ignored"]
    cancelled = trial.cancel()
    assert [getattr(each, "attempt", None) for each in cancelled.commands] == [2]
    assert [entry.attempt for entry in cancelled.transitions if entry.phase == "task.cancelled"] == [2]
