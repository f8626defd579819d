"""Tasks in, whom they are given to out; and what lies on the desk in the rows of one partition.

The record of a task is the truth: what it says of whom it is given to stands, and the desk follows. Each state of a
task is taken once, by a row for each task, so that a copy neither reopens it nor teaches a speed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from models.assigning.desk import Desk, People, Work
from models.assigning.speeds import ALL, Speeds, Sum
from schemas.codec import Codec
from schemas.messages import ASSIGN_WORK, HUMAN_ACTION, HUMAN_TASK
from schemas.payload import Payload
from streams.ground.topic import DAY_MS
from streams.processors import assign
from streams.processors.assign import people
from streams.processors.context import Context
from streams.processors.human import ACTIONS
from streams.processors.human.fields import ANSWERED, OPEN
from streams.processors.human.rules import GIVE
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Row, StateView

MAX_OPEN = 5_000  # tasks on the desk; what comes while there are more is for whoever takes it
MAX_DESK_BYTES = 512 * 1024  # of its row, which is read and written with every task: what comes then, likewise
LOOK_MS = 15_000  # until it is seen that somebody is away, or back
SEEN_MS = 30 * DAY_MS
_DESK, _SPEED, _SEEN = b"desk", b"s/", b"t/"
_LOOK: Mapping[str, Any] = {
    "task_id": "", "instance_id": "", "team": "", "kind": "", "skills": [], "weight": 0.0, "open": False,
    "given_to": None, "completed_by": None, "version": 0, "created_at_ms": 0, "updated_at_ms": 0,
}  # fmt: skip


class Lying(msgspec.Struct):
    """The row of the desk: all but the speeds, and the instance of each task."""

    desk: Desk = msgspec.field(default_factory=Desk)
    instances: dict[str, str] = {}


class Assign(FastProcessor):
    """Gives tasks to people."""

    declaration = assign.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._people = context.site.file(people.FILE, people.read_people)

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Tells the desk of tasks, and takes in what it was told."""
        effects = Effects([], {})
        round_: _Round | None = None
        for message in batch:
            at_ms = message.record.timestamp_ms
            if message.name == HUMAN_TASK:
                self._tell(message.data, effects)
            elif message.name == ASSIGN_WORK:
                round_ = round_ or _Round(self._codec, self._people.value, state, effects)
                round_.take(message.data, at_ms)
            elif message.record.value is not None:  # tasks are forgotten by records without one
                effects.outputs.append(parked(message.record, self.declaration.name, f"{message.name} is no task"))
        if round_ is not None:
            round_.keep()
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Asks for a look who is away, as a record, so that the log has it; forgets what was closed long ago."""
        if key != _DESK:
            return Effects([], {key: None})
        value = self._codec.encode(ASSIGN_WORK, _LOOK)
        return Effects([Output(assign.WORK, _DESK, value)], {key: Row(row.value, now_ms + LOOK_MS)})

    def _tell(self, task: Mapping[str, Any], effects: Effects) -> None:
        if task["assign"] is None or task["audit"]:
            return
        wanted = task["assign"].value()
        same = ("task_id", "instance_id", "team", "given_to", "version", "created_at_ms", "updated_at_ms")
        work = {
            **{name: task[name] for name in same},
            "kind": wanted.get("kind") or "",
            "skills": wanted.get("skills", []),
            "weight": float(wanted.get("weight", 1)),
            "open": task["status"] in (OPEN, ANSWERED),
            "completed_by": task["completed_by"] if task["status"] not in (OPEN, ANSWERED) else None,
        }
        value = self._codec.encode(ASSIGN_WORK, work)
        effects.outputs.append(Output(assign.WORK, task["task_id"].encode(), value))


class _Round:
    """The desk while a batch is taken in."""

    def __init__(self, codec: Codec, people_: People, state: StateView, effects: Effects) -> None:
        self._codec, self._people, self._state, self._effects = codec, people_, state, effects
        row = state.get(_DESK)
        self._lying = msgspec.msgpack.decode(row.value, type=Lying) if row else Lying()
        self._bytes, self._due_ms = (len(row.value), row.due_ms) if row else (0, 0)
        self._desk = self._lying.desk
        self._speeds = self._desk.speeds = Speeds()
        self._at_ms = 0

    def take(self, work: Mapping[str, Any], at_ms: int) -> None:
        """Takes in a state of a task, or looks who is away."""
        self._at_ms = at_ms
        key = work["task_id"]
        if not key:
            self._look()
        elif self._is_new(work):
            if not work["open"]:
                self._close(key, work)
            elif key in self._desk.open:
                self._follow(key, work)
            elif len(self._desk.open) < MAX_OPEN and self._bytes < MAX_DESK_BYTES:
                self._open(key, work)

    def keep(self) -> None:
        """Writes the desk down. When it is looked at next stays as it is, however much comes meanwhile."""
        due_ms = self._due_ms or self._at_ms + LOOK_MS if self._desk.open else 0
        self._desk.speeds = Speeds()  # these have rows of their own
        self._effects.changes[_DESK] = Row(msgspec.msgpack.encode(self._lying), due_ms)
        unplaced = len(self._desk.unplaced())
        self._effects.counts.append(partial(assign.UNPLACED.set, unplaced))

    def _is_new(self, work: Mapping[str, Any]) -> bool:
        seen = _SEEN + work["task_id"].encode()
        state = (work["version"], work["updated_at_ms"])
        row = self._row(seen)
        if row is not None and state <= msgspec.msgpack.decode(row.value, type=tuple[int, int]):
            return False
        self._effects.changes[seen] = Row(msgspec.msgpack.encode(state), self._at_ms + SEEN_MS)
        return True

    def _open(self, key: str, work: Mapping[str, Any]) -> None:
        self._desk.open[key] = Work(
            work["team"], work["kind"], tuple(work["skills"]), work["weight"], work["created_at_ms"]
        )
        self._lying.instances[key] = work["instance_id"]
        self._bytes += len(msgspec.msgpack.encode((key, self._desk.open[key])))
        if work["given_to"] is not None:
            self._desk.give(key, work["given_to"], self._at_ms)
        else:
            self._place(key, "new")

    def _follow(self, key: str, work: Mapping[str, Any]) -> None:
        """What the task says stands: another team, or another person."""
        lies = self._desk.open[key]
        lies.team = work["team"]
        if work["given_to"] not in (None, lies.person):
            self._desk.give(key, work["given_to"], self._at_ms)
        elif lies.person is not None and not self._can(lies):
            self._move(key)

    def _close(self, key: str, work: Mapping[str, Any]) -> None:
        if key not in self._desk.open:
            return
        person = work["completed_by"]
        self._know(person, ALL)
        self._desk.end(key, person, work["updated_at_ms"])
        self._lying.instances.pop(key, None)
        for who in (ALL, person):
            if who is not None and who in self._speeds.sums:
                row = Row(msgspec.msgpack.encode(self._speeds.sums[who]))
                self._effects.changes[_SPEED + who.encode()] = row
        self._place_waiting()

    def _look(self) -> None:
        for key in self._desk.left(self._people, self._at_ms):
            self._move(key)
        self._place_waiting()

    def _place_waiting(self) -> None:
        """Gives what nobody has. Where there was nobody for one, there is nobody for others of its team and skills."""
        nobody: set[tuple[str, tuple[str, ...]]] = set()
        for key in self._desk.unplaced():
            work = self._desk.open[key]
            asked = work.team, work.skills
            if asked not in nobody and not self._place(key, "new"):
                nobody.add(asked)

    def _move(self, key: str) -> None:
        self._desk.give(key, None, self._at_ms)
        if not self._place(key, "moved"):
            self._say(key, None, "moved")

    def _place(self, key: str, why: str) -> bool:
        self._know(ALL, *(name for name, each in self._people.items() if each.can(self._desk.open[key])))
        name = self._desk.place(key, self._people, self._at_ms, self._seconds)
        if name is not None:
            self._say(key, name, why)
        return name is not None

    def _seconds(self, person: str, key: str) -> float:
        self._know(person)
        return self._speeds.optimistic(person, self._desk.open[key].kind)

    def _say(self, key: str, person: str | None, why: str) -> None:
        instance = self._lying.instances[key]
        action = {
            "action_id": f"{GIVE}/{self._at_ms}/{person or ''}",
            "task_id": key,
            "instance_id": instance,
            "action": GIVE,
            "outcome": "",
            "data": Payload.inside(b"null"),
            "actor": assign.ITSELF,
            "at_ms": self._at_ms,
            "given_to": person,
        }
        self._effects.outputs.append(Output(ACTIONS, instance.encode(), self._codec.encode(HUMAN_ACTION, action)))
        counter = assign.GIVEN.labels(self._desk.open[key].team, why)
        self._effects.counts.append(counter.inc)

    def _can(self, work: Work) -> bool:
        found = self._people.get(work.person or "")
        return found is not None and found.can(work)

    def _know(self, *names: str | None) -> None:
        """Reads speeds from their rows, which is done once."""
        for name in names:
            if name is not None and name not in self._speeds.sums:
                row = self._row(_SPEED + name.encode())
                if row is not None:
                    self._speeds.sums[name] = msgspec.msgpack.decode(row.value, type=dict[str, Sum])

    def _row(self, key: bytes) -> Row | None:
        return self._effects.changes[key] if key in self._effects.changes else self._state.get(key)
