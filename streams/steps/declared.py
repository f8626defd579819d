"""`@step`: a function of the user as a function that definitions can call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec, TypeVar

from schemas.functions import OWN_NAME, EffectClass, Function
from streams.steps.retries import Retries, policy_of
from streams.steps.types import Signature, WrongSignatureError, example_of, signature_of

P = ParamSpec("P")
R = TypeVar("R")

Declared = Literal["pure", "read", "idempotent", "keyed", "probed", "blind"]
PURE = "pure"
EFFECTS: tuple[str, ...] = (PURE, "read", "idempotent", "keyed", "probed", "blind")
USUAL_TIMEOUT_S = 60.0
USUAL_MEMORY_MB = 2_048
_NOTES = {
    PURE: "none: computes from its arguments alone",
    "": "blind: what it does to the world is not declared, so it is never repeated",
}


class Step(Generic[P, R]):
    """A function with its declaration. Called, it is the function that it was."""

    def __init__(
        self,
        function: Callable[P, R],
        name: str,
        effect: str | None,
        timeout: float,
        concurrency: int | None,
        run: str,
        memory_mb: int,
        retries: int | Retries | None,
        probe: Callable[..., Any] | None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.call = function
        self.name = name
        self.timeout_s = float(timeout)
        self.concurrency = concurrency
        self.run = run
        self.memory_mb = memory_mb
        self.pure = effect == PURE
        self.effect_declared = effect is not None
        self.effect = EffectClass.READ if self.pure else EffectClass(effect or EffectClass.BLIND)
        self.is_async = inspect.iscoroutinefunction(function)
        code = inspect.unwrap(function).__code__
        self.file, self.line = code.co_filename, code.co_firstlineno
        try:
            self._check(effect)
            policy = policy_of(retries)
            self.signature: Signature = signature_of(function)
            self.probe = self._probe(probe, timeout)
        except WrongSignatureError as wrong:
            raise WrongSignatureError(f"{self.file}:{self.line}: {name}: {wrong}") from None
        self.function = Function(
            name=name,
            summary=_summary(function),
            arguments=self.signature.arguments,
            output=self.signature.output,
            example=example_of(self.signature.arguments),
            effect=self.effect,
            effect_note=_NOTES[PURE] if self.pure else "" if effect else _NOTES[""],
            own=True,
            recovery=policy,
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    def _probe(self, probe: Callable[..., Any] | None, timeout: float) -> Step[..., Any] | None:
        """What says whether it was done, as a step that only reads."""
        if (probe is None) is (self.effect is EffectClass.PROBED):
            raise WrongSignatureError("effect='probed' and a probe=function that says whether it was done go together")
        if probe is None:
            return None
        made = Step(probe, self.name, "read", timeout, None, "thread", self.memory_mb, None, None)
        ours, theirs = ({each.name for each in step.signature.arguments} for step in (self, made))
        if ours != theirs:
            raise WrongSignatureError("its probe takes the same arguments as the step, by the same names")
        return made

    def _check(self, effect: str | None) -> None:
        if not OWN_NAME.fullmatch(self.name):
            remedy = "write an area and a name in lower case with a dot between, such as shipping.quote"
            raise WrongSignatureError(f"it is no name of a step; {remedy}")
        if effect is not None and effect not in EFFECTS:
            raise WrongSignatureError(f"effect is none of {', '.join(EFFECTS)}")
        if self.run not in ("thread", "process"):
            raise WrongSignatureError("run is neither thread nor process")
        if min(self.timeout_s, self.memory_mb, 1 if self.concurrency is None else self.concurrency) <= 0:
            raise WrongSignatureError("timeout, concurrency and memory_mb are more than 0")
        if self.is_async and (self.pure or self.run == "process"):
            raise WrongSignatureError("an async function waits: it is neither pure nor run in a process; drop `async`")
        if self.pure and self.run == "process":
            raise WrongSignatureError("a pure step takes milliseconds; declare effect='read' to run it in a process")


def step(
    name: str,
    *,
    effect: Declared | None = None,
    timeout: float = USUAL_TIMEOUT_S,
    concurrency: int | None = None,
    run: Literal["thread", "process"] = "thread",
    memory_mb: int = USUAL_MEMORY_MB,
    retries: int | Retries | None = None,
    probe: Callable[..., Any] | None = None,
) -> Callable[[Callable[P, R]], Step[P, R]]:
    """Makes a function, plain or `async`, one that definitions can call by `name`, such as `shipping.quote`.

    effect: what it does to the world outside, and so what may be done when nobody knows whether it was done.
        `pure` computes from its arguments alone, in milliseconds. `read` changes nothing. `idempotent`: doing it twice
        is doing it once. `keyed`: the system outside recognises `Context.key`. `probed`: it can be asked (`probe`).
        `blind`, which counts where nothing is said: it is never repeated, and a doubt is shown to people.
    timeout: seconds without a sign of life (`Context.progress`) after which it is given up.
    concurrency: how many are under way at once in one worker; EXLIFY_STEPS_CONCURRENCY unless given.
    run: `process` for work that keeps a processor busy, takes memory or may bring its process down.
    memory_mb: what such a process may take beyond what it begins with.
    retries: how often it is tried again where the definition does not say it, or `Retries` with the pauses, too; twice
        unless given. Never where that could do something twice.
    probe: of a `probed` step, a function with the same arguments. Where nobody knows whether the step was done it gives
        what the step has given, raises `NotDone`, or anything else where it cannot tell.
    """

    def made(function: Callable[P, R]) -> Step[P, R]:
        return Step(function, name, effect, timeout, concurrency, run, memory_mb, retries, probe)

    return made


def _summary(function: Callable[..., Any]) -> str:
    first = (inspect.getdoc(function) or "").strip().split("\n", 1)[0].strip()
    return first or f"The function {function.__name__}."
