"""Station 4, call: a step that asks an outside system, carried out through the integration hub.

That an effect happens no more often than it may is the runtime's (`runtime.once`); what an operation does to the world
is judged by its connector. Here the two meet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.assembly import standard_hub
from connectors.catalogue import CONNECTORS
from connectors.declaration import Declaration
from connectors.hub.contract import HubCall, Plan, Refused
from connectors.hub.observer import EndedCall, Observer
from connectors.hub.outcome import CallOutcome, to_problem
from connectors.hub.pipeline import BeforeSend, Hub, never_paused, send_at_once
from connectors.hub.waiting import Postponed, Rest, Waited
from schemas import steps
from schemas.functions import EffectClass
from schemas.messages import CANCEL_STEP
from schemas.payload import Door, Payload, UnreadablePayloadError
from schemas.reasons import Effect, Reason
from schemas.recovery import Stated
from schemas.steps import key_of
from streams.ground.metrics import remembered
from streams.ground.settings import Settings
from streams.processors import call
from streams.processors.call import CallSettings
from streams.processors.call.connections import Addresses
from streams.processors.call.gone import Gone
from streams.processors.call.mappings import Mappings, mapped
from streams.processors.call.pauses import PauseFeed, Pauses
from streams.processors.call.reports import Reporter, Tally
from streams.processors.call.templates import Templates, filled
from streams.processors.context import Context
from streams.processors.orchestrate import INBOX
from streams.runtime.clock import now_ms
from streams.runtime.once import IN_DOUBT, BeforeEffect, CannotTellError, LaterError, Steps, WithdrawnError
from streams.runtime.processor import Effects, Message, WritableState

MAX_ANSWER_BYTES = 64 * 1024  # with an error: it travels in letters and the state, beside what is there already
MAX_OUTPUT_BYTES = 900 * 1024  # leaves room for the envelope in a record of 1 MiB

_seconds = remembered(call.SECONDS)


class Call(Steps):
    """Commands in, results out, each call made no more often than its effect allows."""

    declaration = call.DECLARATION

    def __init__(self, context: Context, hub: Hub | None = None) -> None:
        super().__init__(context.codec, INBOX)
        self.concurrency = context.settings.of(CallSettings).concurrency
        self._pauses = None if hub else PauseFeed(context.settings, context.codec)
        tally, gone = Tally(), Gone(Pauses() if self._pauses is None else self._pauses)
        self._addresses = Addresses(context.settings, context.site)
        self._mappings = Mappings(context.settings.site_dir, context.site)
        self._templates = Templates(context.settings.site_dir)
        self._hub = hub or hub_for(context.settings, self._addresses, self._pauses, tally.note, gone.note)
        self._long: dict[bytes, asyncio.Timeout] = {}  # calls that take long and change nothing, by their step
        self._reporter = None if hub else Reporter(context.settings, context.codec, tally, gone, self._hub.breakers)

    async def open(self) -> None:
        """Opens the hub."""
        await self._hub.__aenter__()
        if self._pauses is not None:
            await self._pauses.start()
        if self._reporter is not None:
            self._reporter.start()
        call.OpenBreakers.states = self._hub.breakers

    async def close(self) -> None:
        """Closes the hub."""
        if self._reporter is not None:
            await self._reporter.close()
        await self._hub.__aexit__()
        if self._pauses is not None:
            await self._pauses.close()

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        """As all steps; what takes long and changes nothing is given up as soon as nobody wants it any more."""
        effects = await super().handle_one(message, state)
        if message.name == CANCEL_STEP and effects.changes and key_of(message.data) in self._long:
            await state.write(effects.changes)  # whoever gives up looks whether somebody wants to know
            effects.changes = {}
            if (given_up := self._long.get(key_of(message.data))) is not None:
                given_up.reschedule(0.0)
        return effects

    def stated(self, command: Mapping[str, Any], connection: str) -> Stated:
        """As the connection says it, else as the function does."""
        policy = self._addresses.recovery(connection)
        return super().stated(command, connection) if policy is None else Stated(policy, f"connection {connection}")

    def probes(self, command: Mapping[str, Any]) -> bool:
        """Where the definition says how."""
        return command.get("probe") is not None

    async def probe(self, command: Mapping[str, Any], key: str) -> dict[str, Any] | None:
        """Makes the call of the probe: what it finds is the output, what is not there was not done."""
        if not self.probes(command):
            return await super().probe(command, key)
        try:
            asked = command["probe"].value()
        except UnreadablePayloadError as error:
            raise CannotTellError(f"{IN_DOUBT}; its probe cannot be read: {error}") from None
        function, arguments = asked["function"], asked["arguments"]
        call = HubCall(function=function, arguments=arguments, key=key, deadline_ms=command.get("deadline_ms"))
        outcome = await self._hub.carry_out(call, _only_reads)
        if outcome.reason is Reason.NOT_FOUND or (outcome.ok and outcome.output == []):
            return None
        if not outcome.ok:
            raise CannotTellError(f"whether it was done cannot be told now: {outcome.detail}")
        return answered(command, replace(outcome, effect=Effect.DONE))

    async def carry_out(self, command: Mapping[str, Any], key: str, before_effect: BeforeEffect) -> dict[str, Any]:
        """Makes the call, the mapping or the text."""
        if command["function"] == call.MAPPING.name:
            return await mapped(command, self._mappings)
        if command["function"] == call.TEMPLATE.name:
            return await filled(command, self._templates)

        async def before_send(plan: Plan[Any]) -> None:
            try:
                await before_effect(plan.effect.repeatable, plan.effect.effectful)
            except WithdrawnError:
                raise Refused(Reason.WITHDRAWN, "the step is not wanted any more") from None
            longest_s = self._addresses.limits(plan.system).timeout_s
            if longest_s is not None:
                before_effect.takes(longest_s)
                if not plan.effect.effectful:
                    self._long[step] = given_up

        step, given_up = key_of(command), asyncio.timeout(None)
        waited = before_effect.waited
        outside = None if waited is None else Waited(waited.seconds(now_ms()), waited.times)
        try:
            async with given_up:
                result = await carry_out(command, self._hub, key, before_send, outside, before_effect.rest)
        except TimeoutError:
            if not given_up.expired():
                raise
            raise WithdrawnError from None
        except Postponed as postponed:
            call.POSTPONED.labels(postponed.connection, postponed.waits_for).inc()
            raise LaterError(postponed.seconds) from None
        finally:
            self._long.pop(step, None)
        if result["error"] and result["error"]["reason"] == Reason.WITHDRAWN.value:
            raise WithdrawnError
        return result


async def _only_reads(plan: Plan[Any]) -> None:
    if plan.effect.effectful or plan.keeps:
        raise Refused(Reason.INPUT_INVALID, f"{plan.call.function}: a probe only reads; call http with get")


def hub_for(
    settings: Settings,
    addresses: Addresses,
    pauses: Pauses | None = None,
    *told: Observer,
    only: Sequence[Declaration] = CONNECTORS,
) -> Hub:
    """The hub that settings and site describe, with `only` some connectors where it needs no others; the time of every
    call is noted, and `told` are told of it.
    """

    def observe(ended: EndedCall) -> None:
        _seconds(ended.function, ended.reason.value).observe(ended.seconds)
        for each in told:
            each(ended)

    ours = settings.of(CallSettings)
    return standard_hub(
        addresses.urls,
        limits_of=addresses.limits,
        identity_of=addresses.identity,
        api_of=addresses.api,
        pages_of=addresses.pages,
        secrets_of=addresses.secret,
        paused_s=never_paused if pauses is None else pauses.seconds_left,
        allow_hosts=[host.strip() for host in ours.allow_hosts.split(",") if host.strip()],
        allow_private=ours.allow_private,
        observe=observe,
        only=only,
    )


async def carry_out(
    command: Mapping[str, Any],
    hub: Hub,
    key: str | None = None,
    before_send: BeforeSend = send_at_once,
    waited: Waited | None = None,
    rest: Rest | None = None,
) -> dict[str, Any]:
    """Makes the call that a StepCommand asks for; gives the fields of its StepResult. Knows nothing of Kafka.

    `key` is the idempotency key, the step id unless given. Raises only what `before_send` raises, and Postponed where
    `waited` says that the call can wait outside of the hub. It waits inside in `rest`, if given.
    """
    try:
        asked = HubCall(
            function=command["function"],
            arguments=_arguments(command),
            key=key or steps.id_of(command),
            effect=_declared(command.get("effect")),
            deadline_ms=command.get("deadline_ms"),
            waited=waited,
        )
    except Refused as refusal:
        return failed(command, refusal.outcome)
    outcome = await hub.carry_out(asked, before_send, rest)
    return answered(command, outcome) if outcome.ok else failed(command, outcome)


def answered(command: Mapping[str, Any], outcome: CallOutcome) -> dict[str, Any]:
    """The StepResult of a call that succeeded; faulted after all if its output does not fit into a record."""
    try:
        output = Payload.from_outside(outcome.output, Door.RESULT)
    except TypeError:  # a connector gives JSON; should it not, the effect is what it is all the same
        detail = f"{command['function']}: the call was made, but its output cannot be written as JSON"
        return failed(command, CallOutcome(reason=Reason.CONTRACT_DRIFT, effect=outcome.effect, detail=detail))
    if len(output) > MAX_OUTPUT_BYTES:
        detail = f"{command['function']}: the call was made, but its output is larger than {MAX_OUTPUT_BYTES} bytes"
        return failed(command, CallOutcome(reason=Reason.REPLY_TOO_LARGE, effect=outcome.effect, detail=detail))
    return steps.completed(command, output)


def failed(command: Mapping[str, Any], outcome: CallOutcome) -> dict[str, Any]:
    """The StepResult of a call that failed, the system that was asked, and the wait that it has asked for."""
    result = steps.faulted(command, to_problem(outcome, command["pointer"]), _said(outcome))
    if outcome.system:
        result["connection"] = outcome.system
    return result if outcome.retry_after_ms is None else {**result, "wait_ms": outcome.retry_after_ms}


def _said(outcome: CallOutcome) -> Payload | None:
    """What the system has said with its error; nothing where a record cannot hold it."""
    if outcome.answer is None:
        return None
    try:
        answer = Payload.from_outside(outcome.answer, Door.RESULT)
    except TypeError:
        return None
    return answer if len(answer) <= MAX_ANSWER_BYTES else None


def _arguments(command: Mapping[str, Any]) -> Any:
    try:
        return command["arguments"].value()
    except UnreadablePayloadError as error:
        raise Refused(Reason.INPUT_INVALID, f"{command['function']}: the arguments cannot be read: {error}") from None


def _declared(effect: str | None) -> EffectClass | None:
    if effect is None:
        return None
    try:
        return EffectClass(effect.lower())
    except ValueError:
        known = ", ".join(EffectClass)
        raise Refused(Reason.INPUT_INVALID, f"metadata.effect {effect!r} is not one of {known}") from None
