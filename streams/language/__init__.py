"""The definition language: from a YAML file to the graph that the engine runs.

    text ─▶ source ─▶ workflow, reader ─▶ model ─▶ flow ─▶ compiler ─▶ graph
            places    structure, expressions       jumps   numbers

Each kind of task has one file in `constructs`, which goes this whole way for it. Which functions there are says who
calls: the language knows none.

`load` goes the whole way and refuses a definition with all of its faults at once; `check` lists them. What is
understood, and every decision about what the specification leaves open, is written down in PROFILE.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.functions import Function
from streams.language.compiler import compile_model
from streams.language.faults import DefinitionError, Fault, Severity, errors_of
from streams.language.flow import lint_flow
from streams.language.graph import Graph
from streams.language.hints import EVENT_INPUT
from streams.language.source import Source, parse
from streams.language.workflow import WorkflowModel, read_workflow
from streams.language.working_time import CALENDAR

__all__ = ["DefinitionError", "Fault", "Severity", "check", "load", "load_deployed", "read"]

UNNAMED = "<definition>"
SINCE = frozenset({EVENT_INPUT, CALENDAR})  # faults that were none at the time of some that are deployed
Functions = Mapping[str, Function]


def load(text: str, file: str, functions: Functions) -> Graph:
    """The graph of a definition; raises `DefinitionError` with every fault.

    The same text gives an equal graph for ever.
    """
    return compile_model(read(text, file, functions))


def load_deployed(text: str, digest: str, functions: Functions) -> Graph:
    """The graph of a definition that stands deployed, with the meaning that it had then; raises as `load` does."""
    source, model = _judged(text, UNNAMED, functions)
    if any(fault.code not in SINCE for fault in errors_of(source.faults)):
        raise DefinitionError(_sorted(source))
    return compile_model(model, digest)


def read(text: str, file: str, functions: Functions) -> WorkflowModel:
    """The typed model of a definition; raises `DefinitionError` with every fault."""
    source, model = _judged(text, file, functions)
    if errors_of(source.faults):
        raise DefinitionError(_sorted(source))
    return model


def check(text: str, file: str, functions: Functions) -> list[Fault]:
    """Every error and warning of a definition, in the order of the file."""
    try:
        source, _ = _judged(text, file, functions)
    except DefinitionError as error:
        return list(error.faults)
    return _sorted(source)


def _judged(text: str, file: str, functions: Functions) -> tuple[Source, WorkflowModel]:
    source = parse(text, file)
    model = read_workflow(source, functions)
    lint_flow(source, model.root)
    return source, model


def _sorted(source: Source) -> list[Fault]:
    return sorted(source.faults, key=lambda fault: (fault.line, fault.column, fault.code))
