"""Decisions, answers of people and truth in; blind tasks, labels and suspensions out.

A row for each decision of a model: whatever is told of it, by whom and however late, finds it there, and is told on
once. Labels of all partitions go to one, where a row for each route has the evidence, and a marker for each label keeps
a copy from being counted again.

An alarm stands in a row that comes due: what is in force is looked at then, and suspended as long as it is what the
alarm is about. So a change by hand at the same moment cannot undo it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
import orjson

from models.serving.card import REVIEW
from models.serving.errors import UnknownModelError
from models.serving.shelf import Pin
from models.watching import drift
from schemas import messages, steps
from schemas.payload import Payload
from streams.ground.topic import DAY_MS
from streams.processors import human, monitor
from streams.processors.context import Context
from streams.processors.decide import STATES
from streams.processors.decide.states import changed
from streams.processors.human.fields import COMPLETED
from streams.processors.human.rules import AUDIT as PINNED
from streams.processors.monitor import joining, watching
from streams.processors.monitor.gauges import Gauges
from streams.processors.monitor.joining import AUDIT, CORRECTION, Kept
from streams.processors.monitor.watching import Watch
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Row, StateView

T = TypeVar("T")

EARLY_KEPT_MS = 7 * DAY_MS  # what is told of a decision that has not come yet
ANSWER_KEPT_MS = 600_000  # an answer to a task that may be about a decision that has not come yet
MARKED_MS = 30 * DAY_MS
LOOK_MS = 5_000  # until a change has become known
WATCH_MS = 60_000
MORE_AUDITS = 5  # per cent, at the least, once cases have moved
_DECISION, _REVIEWED, _EARLY, _ANSWER, _CASES = b"d/", b"r/", b"e/", b"a/", b"h/"
_WATCH, _SEEN, _DRIFT = b"w/", b"s/", b"v/"


class Drift(msgspec.Struct):
    """That the cases of a version have moved, and whether that was acted on."""

    model: str
    model_version: str
    moved: dict[str, float]


class Monitor(FastProcessor):
    """Joins, counts, suspends."""

    declaration = monitor.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._book = context.models
        self._gauges = Gauges(context.models)
        settings = context.settings.of(monitor.MonitorSettings)
        self._team, self._kept_ms = settings.team, settings.truth_days * DAY_MS
        self._takes = {
            messages.DECISION: self._decision,
            messages.HUMAN_TASK: self._task,
            messages.TRUTH: self._truth,
            messages.LABEL: self._label,
            messages.MODEL_DRIFT: self._drift,
        }

    async def open(self) -> None:
        """Gets to know which models are in force."""
        await self._book.start()

    async def close(self) -> None:
        """Follows them no longer."""
        await self._book.close()

    async def watch(self) -> None:
        """Lets go of what gauges say of versions that are nothing to a model any more."""
        while True:
            await asyncio.sleep(LOOK_MS / 1_000)
            self._gauges.tidy()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """What becomes of each message."""
        effects = Effects([], {})
        rows = _Rows(state, effects)
        for message in batch:
            if message.name in self._takes:
                self._takes[message.name](message.data, message.record.timestamp_ms, rows, effects)
            elif message.record.value is not None:  # topics of states forget by records without one
                why = f"{message.name} tells nothing of models"
                effects.outputs.append(parked(message.record, self.declaration.name, why))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Suspends what has alarmed, audits more of what has moved, forgets what is over."""
        if key.startswith(_WATCH):
            watch = msgspec.msgpack.decode(row.value, type=Watch)
            return self._acted(key, row, self._suspended(watch), watching.why(watch), now_ms)
        if key.startswith(_DRIFT):
            seen = msgspec.msgpack.decode(row.value, type=Drift)
            named = ", ".join(f"{field} ({index:g})" for field, index in sorted(seen.moved.items()))
            return self._acted(key, row, self._audited_more(seen), f"its cases have moved: {named}", now_ms)
        counts = [monitor.STRAYS.inc] if key.startswith(_EARLY) else []
        return Effects([], {key: None}, [*counts])

    def _decision(self, data: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects) -> None:
        found = joining.kept(data)
        key = _DECISION + data["decision_id"].encode()
        if found is None or rows.has(key):
            return
        self._keep(found, rows)
        if found.drawn:
            self._ask(data, found, effects)
        if found.route == REVIEW:
            rows.put(_REVIEWED + data["instance_id"].encode(), found.decision_id, at_ms + self._kept_ms)
            self._late_answer(data["instance_id"], found, rows, effects)
        for early in rows.get(_EARLY + data["decision_id"].encode(), list[dict[str, Any]]) or ():
            self._say(found, early["truth_id"], early, rows, effects)
        rows.drop(_EARLY + data["decision_id"].encode())
        self._look_at_cases(found, at_ms, rows, effects)

    def _ask(self, data: Mapping[str, Any], found: Kept, effects: Effects) -> None:
        """A task for people under the id of the decision, without what the model said."""
        arguments = {
            "team": self._team,
            "title": f"Blind audit: what would you decide ({found.model})?",
            "outcomes": joining.choices(found.routes),
            "input": orjson.Fragment(found.input),
        }
        command = {
            **steps.address_of(found.decision_id),
            **{name: data[name] for name in ("workflow", "version", "digest")},
            "function": human.HUMAN.name,
            "arguments": Payload.inside(orjson.dumps(arguments)),
            "pin": PINNED,
        }
        topic = human.DECLARATION.commands
        value = self._codec.encode(messages.STEP_COMMAND, command)
        effects.outputs.append(Output(topic, data["instance_id"].encode(), value))
        effects.counts.append(monitor.AUDITS.labels(found.model).inc)

    def _task(self, data: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects) -> None:
        """The answer to a blind task, or to the task of a case that went to people."""
        if data["status"] != COMPLETED:
            return
        told = {"label": data["outcome"], "actor": data["completed_by"] or "", "at_ms": data["updated_at_ms"]}
        if data["audit"]:
            self._hear(data["task_id"], f"{AUDIT}/{data['task_id']}", {**told, "source": AUDIT}, at_ms, rows, effects)
            return
        decision_id = rows.get(_REVIEWED + data["instance_id"].encode(), str)
        answer = {**told, "source": CORRECTION, "task_id": data["task_id"], "outcomes": data["outcomes"]}
        if decision_id is None:
            rows.put(_ANSWER + data["instance_id"].encode(), answer, at_ms + ANSWER_KEPT_MS)
        elif (found := rows.get(_DECISION + decision_id.encode(), Kept)) and joining.is_about(answer, found):
            self._say(found, f"{CORRECTION}/{data['task_id']}", answer, rows, effects)

    def _late_answer(self, instance_id: str, found: Kept, rows: _Rows, effects: Effects) -> None:
        """The answer of a person that was read before the decision that it is about."""
        answer = rows.get(_ANSWER + instance_id.encode(), dict[str, Any])
        if answer is not None and joining.is_about(answer, found):
            self._say(found, f"{CORRECTION}/{answer['task_id']}", answer, rows, effects)
            rows.drop(_ANSWER + instance_id.encode())

    def _truth(self, data: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects) -> None:
        self._hear(data["decision_id"], data["truth_id"], data, at_ms, rows, effects)

    def _hear(
        self, decision_id: str, label_id: str, told: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects
    ) -> None:
        found = rows.get(_DECISION + decision_id.encode(), Kept)
        if found is not None:
            self._say(found, label_id, told, rows, effects)
            return
        key = _EARLY + decision_id.encode()
        early = rows.get(key, list[dict[str, Any]]) or []
        if len(early) < joining.MAX_HEARD and label_id not in [each["truth_id"] for each in early]:
            rows.put(key, [*early, {**told, "truth_id": label_id}], at_ms + EARLY_KEPT_MS)

    def _say(self, found: Kept, label_id: str, told: Mapping[str, Any], rows: _Rows, effects: Effects) -> None:
        label = joining.label(found, label_id, told["label"], told["source"], told["actor"], told["at_ms"])
        if label is not None:
            self._keep(found, rows)
            effects.outputs.append(
                Output(monitor.LABELS, found.model.encode(), self._codec.encode(messages.LABEL, label))
            )

    def _keep(self, found: Kept, rows: _Rows) -> None:
        rows.put(_DECISION + found.decision_id.encode(), found, found.at_ms + self._kept_ms)

    def _look_at_cases(self, found: Kept, at_ms: int, rows: _Rows, effects: Effects) -> None:
        try:
            values = orjson.loads(found.input)
        except orjson.JSONDecodeError:
            return  # sealed; nothing can be told of it
        key = _CASES + f"{found.model}@{found.model_version}".encode()
        blocks = rows.get(key, drift.Blocks) or drift.Blocks()
        before = {*blocks.moved}
        whole = drift.noted(blocks, values, found.score)
        rows.put(key, blocks)
        if whole and {*blocks.moved} != before:
            told = {"model": found.model, "model_version": found.model_version, "moved": blocks.moved, "at_ms": at_ms}
            value = self._codec.encode(messages.MODEL_DRIFT, told)
            effects.outputs.append(Output(monitor.LABELS, found.model.encode(), value))

    def _label(self, data: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects) -> None:
        """Counted once, on the one partition where all labels are."""
        seen = _SEEN + f"{data['decision_id']}|{data['label_id']}".encode()
        if rows.has(seen):
            return
        rows.put(seen, None, at_ms + MARKED_MS)
        wrong = "wrong" if data["label"] != data["route"] else "right"
        fate = "contradicting" if data["contradicts"] else wrong if data["first"] else "later"
        source = data["source"] if data["source"] in (AUDIT, CORRECTION) else "import"
        effects.counts.append(monitor.LABELLED.labels(data["model"], source, fate).inc)
        new = watching.watch_of(data)
        if new is None:
            return
        key = _WATCH + new.watch_id.encode()
        watch = rows.get(key, Watch) or new
        alarmed = watch.alarmed_ms
        watching.noted(watch, data)
        due_ms = at_ms if watch.alarmed_ms is not None else 0
        rows.put(key, watch, due_ms if alarmed is None else rows.due_ms(key))
        value = self._codec.encode(messages.MODEL_WATCH, watch.fields())
        effects.outputs.append(Output(monitor.WATCHES, watch.watch_id.encode(), value))
        effects.counts.append(partial(self._gauges.show, watch))

    def _drift(self, data: Mapping[str, Any], at_ms: int, rows: _Rows, effects: Effects) -> None:
        place = f"{data['model']}@{data['model_version']}"
        seen = Drift(data["model"], data["model_version"], dict(data["moved"]))
        rows.put(_DRIFT + place.encode(), seen, at_ms if seen.moved else 0)
        shown = (data["model"], data["model_version"], len(seen.moved))
        effects.counts.append(partial(self._gauges.show_moved, *shown))

    def _acted(self, key: bytes, row: Row, pin: Pin | None, why: str, now_ms: int) -> Effects:
        """Puts something else into force, where something has to be, and looks again later."""
        if pin is None:
            again = Row(row.value, now_ms + WATCH_MS if key.startswith(_WATCH) else 0)
            return Effects([], {key: again})
        _, value = changed(self._codec, self._book, pin, by=monitor.ITSELF, why=why, now_ms=now_ms)
        return Effects([Output(STATES, pin.name.encode(), value)], {key: Row(row.value, now_ms + LOOK_MS)})

    def _suspended(self, watch: Watch) -> Pin | None:
        """What is to be in force after an alarm; None where what has alarmed decides nothing alone."""
        pin = self._in_force(watch.model)
        if pin is None:
            return None
        rival = pin.rival
        if rival and rival.share and rival.version == watch.model_version and rival.sha256 in ("", watch.files_sha256):
            return pin._replace(rival=rival._replace(share=0))
        same = pin.version == watch.model_version and pin.sha256 in ("", watch.files_sha256)
        if not same or pin.state != "active":
            return None
        return pin._replace(sha256=watch.files_sha256, state="suspended")

    def _audited_more(self, seen: Drift) -> Pin | None:
        pin = self._in_force(seen.model)
        more = max(MORE_AUDITS, min(2 * pin.audit, 100)) if pin else 0
        if pin is None or pin.version != seen.model_version or not 0 < pin.audit < MORE_AUDITS:
            return None
        return pin._replace(audit=more)

    def _in_force(self, name: str) -> Pin | None:
        try:
            return self._book.pin(name)
        except UnknownModelError:
            return None


class _Rows:
    """The rows as the batch has changed them so far."""

    def __init__(self, below: StateView, effects: Effects) -> None:
        self._below = below
        self._changes = effects.changes

    def has(self, key: bytes) -> bool:
        return self._row(key) is not None

    def get(self, key: bytes, kind: type[T]) -> T | None:
        row = self._row(key)
        return None if row is None else msgspec.msgpack.decode(row.value, type=kind)

    def due_ms(self, key: bytes) -> int:
        row = self._row(key)
        return 0 if row is None else row.due_ms

    def put(self, key: bytes, value: object, due_ms: int = 0) -> None:
        self._changes[key] = Row(msgspec.msgpack.encode(value), due_ms)

    def drop(self, key: bytes) -> None:
        if self.has(key):
            self._changes[key] = None

    def _row(self, key: bytes) -> Row | None:
        return self._changes[key] if key in self._changes else self._below.get(key)
