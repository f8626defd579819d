"""Station 4, run: steps that are another workflow: an instance of its own, and its outcome is the answer."""

from schemas.functions import Argument, EffectClass, Function, Kind
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

RUN = Function(
    name="run",
    summary="Runs another workflow as an instance of its own; written as a task `run`.",
    arguments=(
        Argument(name="namespace", summary="Of the workflow.", kind=Kind.LINE, required=True, example="namespace: a"),
        Argument(name="name", summary="Of the workflow.", kind=Kind.LINE, required=True, example="name: refund"),
        Argument(name="version", summary="latest unless given.", kind=Kind.LINE, example="version: '1.0.0'"),
        Argument(name="input", summary="Its input.", kind=Kind.ANY, example="input: {order: 5}"),
        Argument(name="await", summary="Whether its outcome is the answer.", kind=Kind.FLAG, example="await: false"),
        Argument(name="depth", summary="Instances around it.", kind=Kind.ANY, required=True, example="depth: 1"),
    ),
    output={},
    example="{namespace: sales, name: refund}",
    effect=EffectClass.IDEMPOTENT,
    by_task=True,
)

_WORKFLOW = tuple(each for each in RUN.arguments if each.name not in ("await", "depth"))
MAP = Function(
    name="map",
    summary="Runs another workflow for each element of a list, so many at a time.",
    arguments=(
        Argument(name="in", summary="The list.", kind=Kind.ANY, required=True, example="in: '${ .orders }'"),
        Argument(name="each", summary="What an element is called; item unless given.", example="each: order"),
        Argument(name="at", summary="What its position is called; index unless given.", example="at: number"),
        Argument(
            name="workflow",
            summary="Which workflow, and its input; the element unless given.",
            kind=Kind.OBJECT,
            required=True,
            members=_WORKFLOW,
            example="workflow: {namespace: sales, name: refund}",
        ),
        Argument(
            name="concurrency",
            summary="How many at a time; 10 unless given.",
            schema={"type": "integer", "minimum": 1, "maximum": 1000},
            kind=Kind.TYPED,
            example="concurrency: 50",
        ),
        Argument(
            name="failure",
            summary="Whether the first that fails ends it, or what fails is part of the output.",
            kind=Kind.CHOICE,
            choices=("stop", "collect"),
            example="failure: collect",
        ),
    ),
    output={"type": "array", "description": "what they give, in the order of the elements"},
    example="{in: '${ .orders }', workflow: {namespace: sales, name: refund}}",
    effect=EffectClass.IDEMPOTENT,
)

DECLARATION = Declaration(
    name="run",
    summary="Carries out steps that run another workflow.",
    worker="engine",
    make="streams.processors.run.processor:Run",
    writes=(INBOX,),
    buries=True,
    functions=(RUN, MAP),
    told=("ControlInstance",),
)
