"""The processor that gives tasks to people, on a table in memory, with the tasks themselves and a clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.codec import Codec
from schemas.messages import ASSIGN_WORK, HUMAN_ACTION, HUMAN_TASK
from streams.ground.settings import Settings
from streams.processors import assign
from streams.processors.assign.processor import Assign
from streams.processors.human import ACTIONS, rules
from streams.processors.human.task import HumanTask
from streams.runtime.processor import Effects, Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.desk import NOW_MS, command
from tests.support.tables import Table

CODEC = Codec.offline()


class Office:
    """The processor of the one partition with its table, and the tasks that its actions change."""

    def __init__(self, folder: Path, people: str) -> None:
        (folder / "people.yaml").write_text(people)
        self.table = Table()
        self._folder = folder
        self.begin_anew()
        self.tasks: dict[str, HumanTask] = {}
        self.now_ms = NOW_MS

    def begin_anew(self) -> None:
        """As after a restart, which reads who there is now."""
        self.processor = Assign(context(CODEC, Settings(site_dir=self._folder)))

    def ask(self, number: int, **wanted: Any) -> str:
        """Opens a task that is to be given by this; gives its id."""
        return self.open(number, assign=wanted)

    def open(self, number: int, **arguments: Any) -> str:
        """Opens a task with these arguments of `call: human`; gives its id."""
        data = {**command(**arguments).data, "instance_id": f"{number:032x}"}
        task = rules.opened(data, self.now_ms)
        self.tasks[task.task_id] = task
        self.seen(task.task_id)
        return task.task_id

    def answer(self, task_id: str, actor: str, after_ms: int, outcome: str = "approve") -> None:
        """Somebody answers so long after what was before."""
        self.now_ms += after_ms
        said = {"action_id": f"a{self.now_ms}", "action": "complete", "actor": actor, "outcome": outcome}
        self._act(task_id, {**said, "data": payload({"note": "ok"}), "given_to": None})
        self.seen(task_id)

    def seen(self, task_id: str) -> None:
        """Its newest state comes, twice, as after a crash; and what is done about it is done."""
        for _ in range(2):
            told = self.processor.handle([self.message(HUMAN_TASK, self.tasks[task_id].fields)], Table())
            for output in told.outputs:
                assert output.topic == assign.WORK
                self.work(CODEC.decode(output.value or b"")[1])

    def work(self, data: dict[str, Any]) -> None:
        """The desk is told of it."""
        self._done(self.table.apply(self.processor.handle([self.message(ASSIGN_WORK, data)], self.table)))

    def look(self) -> None:
        """Rows come due."""
        for key, row in list(self.table.rows.items()):
            if 0 < row.due_ms <= self.now_ms:
                for output in self.table.apply(self.processor.on_due(key, row, self.now_ms)).outputs:
                    self.work(CODEC.decode(output.value or b"")[1])

    def given(self, *task_ids: str) -> list[str | None]:
        """Whom these are given to."""
        return [self.tasks[each].given_to for each in task_ids]

    def _done(self, effects: Effects) -> None:
        for output in effects.outputs:
            assert output.topic == ACTIONS
            name, action = CODEC.decode(output.value or b"")
            assert (name, output.key) == (HUMAN_ACTION, action["instance_id"].encode())
            self._act(action["task_id"], action)
            self.seen(action["task_id"])

    def _act(self, task_id: str, action: dict[str, Any]) -> None:
        if not self.tasks[task_id].knows(action["action_id"]):
            self.tasks[task_id] = rules.acted(self.tasks[task_id], action, self.now_ms)

    def message(self, name: str, data: Any) -> Message:
        """What comes now."""
        return Message(Record("t", 0, 0, self.now_ms, b"k", b"v"), name, dict(data))
