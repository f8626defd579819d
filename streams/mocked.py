"""Answers in place of the systems outside, for a run without Kafka: `exlify run --mock FILE`.

A mock is the name or pointer of a task, and what its calls are answered, one after the other, the last again and again:

    verifyIdentity:
      - error: {reason: UNREACHED}       # effect: none, unless it is said
      - output: {status: verified}
    verifyIdentity@1:                    # the first whom it falls back on
      - output: {known: true}

An error goes the way of all errors, through the dead letters, so that a policy shows what it does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.messages import STEP_COMMAND, STEP_RESULT
from schemas.payload import Door, Json, Payload
from schemas.reasons import Effect, Reason
from schemas.steps import completed, id_of, problem
from streams.ground.errors import UsageError
from streams.processors.context import Context
from streams.processors.human.local import name_of
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration
from streams.runtime.letters import HARMFUL, dead_letter, retry_of
from streams.runtime.processor import Effects, FastProcessor, Message, Output, StateView


@dataclass(frozen=True, slots=True)
class Mock:
    """What a call is answered: an output, or an error."""

    output: Json = None
    reason: Reason | None = None
    effect: Effect = Effect.NONE
    wait_ms: int | None = None


Mocks = Mapping[str, Sequence[Mock]]


class Mocked(FastProcessor):
    """Stands for one step processor. Raises UsageError for a call that has no answer."""

    def __init__(self, declaration: Declaration, context: Context, mocks: Mocks) -> None:
        self.declaration = declaration
        self._codec = context.codec
        self._mocks = mocks
        self._calls: Counter[str] = Counter()  # by mock

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """An answer for each command."""
        return Effects([self._answer(each) for each in batch if each.name == STEP_COMMAND], {})

    def _answer(self, message: Message) -> Output:
        command = message.data
        name = self._mock_of(command["pointer"], command["attempt"])
        answers = self._mocks[name]
        self._calls[name] += 1
        mock = answers[min(self._calls[name], len(answers)) - 1]
        if mock.reason is None:
            result = completed(command, Payload.from_outside(mock.output, Door.RESULT))
            return Output(INBOX, message.record.key, self._codec.encode(STEP_RESULT, result))
        detail = f"mocked for {id_of(command)}, try {retry_of(message.record)}"
        error = problem(mock.reason, detail, command["pointer"], effect=mock.effect)
        letters = self.declaration.dead_letters
        return dead_letter(self._codec, letters, message, error, again=HARMFUL, wait_ms=mock.wait_ms)

    def _mock_of(self, pointer: str, fallback: int) -> str:
        place = f"@{fallback}" if fallback else ""
        for known in (pointer, name_of(pointer)):
            if f"{known}{place}" in self._mocks:
                return f"{known}{place}"
        raise UsageError(f"--mock: no answer for {name_of(pointer)}{place}. Add it to the file.")


def mocks_of(document: Json, file: str) -> dict[str, list[Mock]]:
    """What a file says; raises UsageError."""
    if not isinstance(document, dict):
        raise UsageError(f"{file}: not an object of tasks. Write TASK: [{{output: ...}}, {{error: {{reason: ...}}}}].")
    return {str(task): [_mock(f"{file}: {task}", each) for each in _listed(said)] for task, said in document.items()}


def _listed(said: Json) -> list[Json]:
    return said if isinstance(said, list) and said else [said]


def _mock(place: str, said: Json) -> Mock:
    if isinstance(said, dict) and said.keys() == {"output"}:
        return Mock(said["output"])
    error = said.get("error") if isinstance(said, dict) and said.keys() == {"error"} else None
    if not isinstance(error, dict) or error.keys() - {"reason", "effect", "waitMs"}:
        raise UsageError(f"{place}: write {{output: ...}} or {{error: {{reason: UNREACHED, effect: none}}}}.")
    try:
        reason, effect = Reason(error.get("reason", "")), Effect(error.get("effect", "none"))
    except ValueError:
        known = f"{', '.join(Reason)}; effects are {', '.join(Effect)}"
        raise UsageError(f"{place}: no such reason or effect. Reasons are {known}.") from None
    return Mock(reason=reason, effect=effect, wait_ms=error.get("waitMs"))
