"""From the tasks of a document to the model: which kind a task is, and what its kind makes of it.

The reader knows no construct: it is given those there are, and the functions that a definition can call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from schemas.functions import ForCalls, Function
from schemas.recovery import Policy
from streams.language import profile
from streams.language.common import FORMS, Common, read_common
from streams.language.forms import Form
from streams.language.model import DIRECTIVES, MAX_NAME, TaskModel
from streams.language.nodes import Node, kind_of
from streams.language.slots import Scope
from streams.language.uses import FUNCTIONS, defined

Model = TypeVar("Model", bound=TaskModel)

DEFINED_KEY = f"call: use.{FUNCTIONS}"  # a call whose function the definition has itself
EXAMPLE = "- checkOrder: {call: http, with: {...}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax(Generic[Model]):
    """How a kind of task is written."""

    key: str  # says that a task is of this kind; `key: value` where the value of the key does
    keys: Mapping[str, Form]  # its own one, and those that come with it
    required: tuple[str, ...]
    read: Callable[[Reader, Node, Common, Scope], Model]
    compensates: bool = False  # it may say under `metadata.compensate` how it is undone


class Reader:
    """Reads tasks; every fault is noted in their source."""

    def __init__(
        self, kinds: Mapping[str, Syntax[Any]], functions: Mapping[str, Function], retries: Mapping[str, Policy]
    ) -> None:
        self._kinds = kinds
        self.every = functions
        self.functions = ForCalls(functions)
        self.retries = retries  # of the workflow, by name
        self.within: tuple[str, ...] = ()  # functions of the definition that are being read, the outermost first

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """What is read meanwhile stands in a function of the definition."""
        around, self.within = self.within, (*self.within, name)
        try:
            yield
        finally:
            self.within = around

    def task(self, node: Node, scope: Scope) -> TaskModel:
        """One task; a task of no kind stands in, with a fault, if it is not clear which it is."""
        kind = self._kind(node)
        if kind is None:
            return TaskModel(name=node.name, path=node.path)
        syntax = self._kinds[kind]
        node.members((*FORMS, *syntax.keys), required=syntax.required, refused=profile.TASKS, example=EXAMPLE)
        if node.name in DIRECTIVES or len(node.name) > MAX_NAME:
            remedy = f"choose another name, of at most {MAX_NAME} characters"
            node.fault("name", f"a task cannot be called `{node.name[:MAX_NAME]}`", remedy, key=True)
        if not syntax.compensates:
            _refuse_undo(node)
        model: TaskModel = syntax.read(self, node, read_common(node, scope), scope)
        return model

    def _kind(self, node: Node) -> str | None:
        if not isinstance(node.value, dict):
            node.fault("type", f"the task `{node.name}` is {kind_of(node.value)}", f"write {EXAMPLE}", key=True)
            return None
        there = [key for key in self._kinds if key in node.value]
        kinds = [key for key in there if not any(key in self._kinds[other].keys for other in there if other != key)]
        if len(kinds) == 1:
            if kinds[0] == "call" and defined(node.child("call"), FUNCTIONS) is not None:
                return DEFINED_KEY
            narrower = f"{kinds[0]}: {node.value[kinds[0]]}"
            return narrower if narrower in self._kinds else kinds[0]
        if kinds:
            message = f"the task `{node.name}` is {' and '.join(f'`{kind}`' for kind in kinds)} at once"
            node.fault("task-kind", message, "make each a task of its own", key=True)
        else:
            self._no_kind(node)
        return None

    def _no_kind(self, node: Node) -> None:
        if refused := [key for key in node.value if key in profile.TASKS]:
            for key in refused:
                node.child(key).unknown((), profile.TASKS)
        elif unknown := [key for key in node.value if key not in FORMS]:
            for key in unknown:
                node.child(key).unknown((*self._kinds, *FORMS), profile.TASKS)
        else:
            message = f"the task `{node.name}` does not say what it does"
            node.fault("task-kind", message, f"give it one of {', '.join(self._kinds)}", key=True)


def _refuse_undo(node: Node) -> None:
    """Complains about an undo of a task that is no step."""
    metadata = node.optional("metadata")
    said = metadata.optional("compensate") if metadata is not None else None
    if said is None or (said.value is True and node.value.get("then") == "end"):
        return
    message = f"`{node.name}` has no effect of its own that could be undone"
    remedy = "write it at a call, run or emit; or compensate: true at a try or where `then: end` gives up what was done"
    said.fault("compensate", message, remedy, key=True)
