"""The state: compact, complete, and readable by later versions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import Key
from streams.engine import Instance, decode_state, encode_state
from streams.engine.lifecycle import Status
from streams.engine.state import ForkFrame, ListFrame, LoopFrame, StepFrame, TryFrame, WaitFrame
from tests.unit.engine.trial import Trial, call

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(data=JSON, context=JSON)
def test_state_comes_back_as_it_was(data: object, context: object) -> None:
    state = Instance(
        "d" * 64, "w", "1", Status.WAITING, 3, None, "/s", Key("1"), 1_700_000_000_000, input=data, context=context,
        entries={3: 1},
        frames=[
            ListFrame(0, 0, -1, 1),
            LoopFrame(1, 1, 0, 1, item=data, index=2, remaining=[data, None]),
            ForkFrame(2, 2, 1, 1, waiting=1, results=[data, None], exports={0: context}),
            TryFrame(3, 3, 2, 1, kept=(data,), error={"status": 1}),
            StepFrame(4, 4, 3, 1, expires_ms=9, kept=(data, context), iteration=7),
            WaitFrame(5, 5, 3, 1, due_ms=8),
        ],
    )  # fmt: skip
    raw = encode_state(state)
    again = decode_state(raw)
    assert again == state
    assert encode_state(again) == raw


def test_data_that_nobody_reads_later_is_not_kept() -> None:
    needless = Trial(call("a"), {"secret": "x" * 1000})
    needed = Trial(call("a", ", output: {as: '${ $input }'}"), {"secret": "x" * 1000})
    assert needless.row is not None
    assert needed.row is not None
    assert len(needless.row) < 200
    assert 1000 < len(needed.row) < 1300
