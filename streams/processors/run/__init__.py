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

DECLARATION = Declaration(
    name="run",
    summary="Carries out steps that run another workflow.",
    worker="engine",
    make="streams.processors.run.processor:Run",
    writes=(INBOX,),
    buries=True,
    functions=(RUN,),
)
