"""`python -m infra.sandbox.demo`: lets made-up applications arrive at a running system and says what becomes of them.

A branch office as the system sees it from outside: it deploys customer onboarding, sends each application through the
signed webhook, and asks the gateway how they stand. After its last application it sends nothing more; it still tells
what people decide, at next to no cost.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

import streams
from infra.sandbox.cast import arriving
from schemas.lifecycle import TERMINAL
from streams.catalogue import load_settings
from streams.gateway.hooks import read_secret
from streams.gateway.settings import GatewaySettings
from streams.gateway.webhooks import signed_headers
from streams.ground.settings import Settings

HOOK = "applications"
WORKFLOW = "customer-onboarding"
DEFINITION = Path(streams.__file__).parent / "workflows" / f"{WORKFLOW}.yaml"

COUNT = 20
BURST = 5
EVERY_S = 3.0
LOOK_S = 1.0
REST_LOOK_S = 3.0  # once everything has arrived and only people are waited for
SAY_AGAIN_S = 10.0
ASK = ClientTimeout(total=30)


class RefusedError(Exception):
    """The gateway does not take what it was sent; the text is its reason."""


class Gateway:
    """The few requests that a branch office makes."""

    def __init__(self, http: ClientSession, secret: bytes) -> None:
        self._http = http
        self._secret = secret

    async def deploy(self, definition: bytes) -> None:
        """Deploys a definition, as often as wanted; raises RefusedError."""
        await self._ask("POST", "/v1/definitions?replace=true", definition, {"Content-Type": "application/yaml"})

    async def send(self, event: Mapping[str, Any]) -> None:
        """An application by webhook. Under the same id it counts once, however often it is sent."""
        body = orjson.dumps(event["data"])
        signed = signed_headers(self._secret, event["id"], int(time.time()), body)
        await self._ask("POST", f"/v1/hooks/{HOOK}", body, signed | {"Content-Type": "application/json"})

    async def instances(self, since: str) -> list[dict[str, Any]]:
        """Onboardings that have started since then, the 500 newest of them."""
        found = await self._ask("GET", f"/v1/instances?workflow={WORKFLOW}&since={since}&limit=500")
        return list(found["instances"])

    async def instance(self, instance_id: str) -> dict[str, Any]:
        """One of them with its decisions and history."""
        return dict(await self._ask("GET", f"/v1/instances/{instance_id}"))

    async def open_task(self, instance_id: str) -> dict[str, Any] | None:
        """What people are asked for it."""
        found = await self._ask("GET", f"/v1/tasks?status=open&instance_id={instance_id}")
        return next(iter(found["tasks"]), None)

    async def _ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Any:
        async with self._http.request(method, path, data=body or None, headers=headers) as reply:
            answer = orjson.loads(await reply.read())
            if reply.status >= 500:
                raise ClientError(answer.get("detail"))
            if reply.status >= 400:
                faults = "; ".join(f"{fault['message']}" for fault in answer.get("faults", ()))
                raise RefusedError(f"{answer.get('detail')} {faults}".strip())
            return answer


@dataclass
class Application:
    """One application on its way: its event, when it was sent last (monotonic seconds), and what was said of it."""

    event: Mapping[str, Any]
    sent_s: float
    seen: bool = False
    state: str = "arrived"  # then perhaps `waiting`, and in the end a decision or a status


class Branch:
    """Sends `count` applications, the first of them at once and then one every `every_s`, and reports on them."""

    def __init__(self, gateway: Gateway, count: int, every_s: float, seed: int) -> None:
        self._gateway = gateway
        self._to_come = arriving(seed, count)
        self._count = count
        self._every_s = every_s
        self._began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self._sent: dict[str, Application] = {}
        self._told_how = False
        self._summed_up = False

    async def open(self) -> None:
        """Deploys the definition and sends the first applications."""
        await self._gateway.deploy(DEFINITION.read_bytes())
        at_once = min(BURST, self._count)
        say(f"{self._count} sample applications will arrive: {at_once} now, then one every {self._every_s:g} s")
        for event in islice(self._to_come, at_once):
            await self._send(event)

    async def run(self) -> None:
        """Sends the others and reports on all, until cancelled."""
        due_s = time.monotonic() + self._every_s
        while True:
            if len(self._sent) < self._count and time.monotonic() >= due_s:
                await self._send(next(self._to_come))
                due_s += self._every_s
            await self._look()
            await asyncio.sleep(REST_LOOK_S if self._summed_up else LOOK_S)

    async def _send(self, event: Mapping[str, Any]) -> None:
        self._sent[event["subject"]] = Application(event, time.monotonic())
        say(f"{event['subject']} arrives")
        await self._gateway.send(event)

    async def _look(self) -> None:
        """Reports what is new; an application that nobody has seen is sent again, as a careful sender does."""
        for row in reversed(await self._gateway.instances(self._began)):
            if application := self._sent.get(row["business_key"]):
                application.seen = True
                await self._follow(application, row)
        for application in self._sent.values():
            if not application.seen and time.monotonic() - application.sent_s > SAY_AGAIN_S:
                application.sent_s = time.monotonic()
                await self._gateway.send(application.event)
        self._sum_up()

    async def _follow(self, application: Application, row: Mapping[str, Any]) -> None:
        if row["status"] in TERMINAL and application.state in ("arrived", "waiting"):
            found = await self._gateway.instance(row["instance_id"])
            application.state = _decision(found)
            say(f"{row['business_key']} {application.state}{_details(found)}")
        elif application.state == "arrived" and (task := await self._gateway.open_task(row["instance_id"])):
            application.state = "waiting"
            say(f"{row['business_key']} waits for the team {task['team']}: the model may not decide it alone")
            if not self._told_how:
                self._told_how = True
                say(f"  you decide: exlify tasks complete {task['task_id']} --outcome {task['outcomes'][0]}")

    def _sum_up(self) -> None:
        states = Counter(application.state for application in self._sent.values())
        if self._summed_up or len(self._sent) < self._count or states["arrived"]:
            return
        self._summed_up = True
        waiting = states.pop("waiting", 0)
        ended = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "none has ended"
        say(f"all {self._count} have arrived: {ended}, {waiting} wait for people (`exlify tasks` lists them)")


def _decision(instance: Mapping[str, Any]) -> str:
    """`approved`, `rejected`, `on-hold`; of an instance that did not complete, its status."""
    return str(_output(instance).get("decision", instance["status"]))


def _details(instance: Mapping[str, Any]) -> str:
    output = _output(instance)
    if not output:
        return f" (exlify show {instance['instance_id']})"
    account = f", account {output['account']}" if output.get("account") else ""
    return f": risk {output['risk']['score']:.2f}{account}"


def _output(instance: Mapping[str, Any]) -> Mapping[str, Any]:
    transitions = (each for entry in reversed(instance["history"]) for each in entry["transitions"])
    return next((each["data"] or {} for each in transitions if each["phase"] == "workflow.completed"), {})


def say(text: str) -> None:
    """One line for whoever watches."""
    print(text, flush=True)


async def _demonstrate(settings: Settings, count: int, every_s: float, seed: int) -> None:
    async with ClientSession(settings.of(GatewaySettings).url, timeout=ASK) as http:
        branch = Branch(Gateway(http, read_secret(settings, HOOK)), count, every_s, seed)
        await _patiently(branch.open)
        await _patiently(branch.run)


async def _patiently(work: Callable[[], Awaitable[None]]) -> None:
    """Goes on with the work as soon as the gateway answers again; an application is not lost by being sent twice."""
    while True:
        try:
            return await work()
        except (ClientError, TimeoutError) as error:
            say(f"the gateway does not answer ({error}); trying again")
            await asyncio.sleep(REST_LOOK_S)


def main() -> int:
    """Runs until it is ended; returns an exit code only where the system refuses what it is sent."""
    parser = argparse.ArgumentParser(prog="python -m infra.sandbox.demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=COUNT, help="how many applications")
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds between two")
    parser.add_argument("--seed", type=int, help="same seed, same applications; default: new ones each time")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    try:
        asyncio.run(_demonstrate(load_settings(), options.count, options.every, seed))
    except RefusedError as error:
        say(f"refused: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
