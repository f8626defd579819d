"""`exlify status`: everything on one page, worst first, each line with the command that helps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import click

from streams.cli._client import Client, with_kafka
from streams.cli._findings import (
    Finding,
    State,
    of_figures,
    of_kafka,
    of_process,
    of_topics,
    unknown,
    worst_first,
)
from streams.cli._moments import utc_option
from streams.cli._output import Styled, echo, json_option, print_json
from streams.ground.errors import ExlifyError, UnavailableError

if TYPE_CHECKING:
    from streams.ground.settings import Settings

ASK_S = 5.0
EXIT_DOWN = 1
EXIT_INCOMPLETE = UnavailableError.exit_code
COLOURS = {State.DOWN: "red", State.UNKNOWN: "magenta", State.WATCH: "yellow", State.OK: "green"}

Asked = Callable[[], Iterable[Finding]]


@click.command(
    epilog="""\b
Examples:
  exlify status
  exlify status --json | jq '.findings[] | select(.state != "ok")'
"""
)
@json_option
@utc_option
def command(as_json: bool) -> None:
    """Show how the whole system is, worst first.

    Asks every process of this machine, Kafka, the registry and the gateway. Exit code 0 where work gets done, 1 where
    some of it does not, 69 where somebody could not be asked.
    """
    settings = with_kafka()
    asked: Sequence[Asked] = (
        *(_process(settings, name, url) for name, url in _processes(settings).items()),
        lambda: _kafka(settings),
        lambda: _topics(settings),
        lambda: _registry(settings),
    )
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = [pool.submit(_listed, ask) for ask in asked]
        findings = worst_first([*_figures(settings), *(each for answer in answers for each in answer.result())])
    complete = not any(each.state is State.UNKNOWN for each in findings)
    if as_json:
        told = [{**each._asdict(), "state": each.state.name.lower()} for each in findings]
        print_json({"state": findings[0].state.name.lower(), "complete": complete, "findings": told})
    else:
        _print(findings)
    if not complete:
        raise UnavailableError("The picture is incomplete: not everybody could be asked.")
    if findings[0].state is State.DOWN:
        raise SystemExit(EXIT_DOWN)


def _listed(ask: Asked) -> list[Finding]:
    return list(ask())


def _print(findings: Sequence[Finding]) -> None:
    for each in findings:
        echo(Styled(f"{each.state.name.lower():<8}", COLOURS[each.state]), f" {each.part}: {each.what}")
        if each.help:
            echo(" " * 9, "→ ", each.help)


def _processes(settings: Settings) -> Mapping[str, str]:
    """The processes of `exlify up` in this data folder, and where each says how it is."""
    found = settings.endpoints.get("metrics", {})
    return {name: url.removesuffix("/metrics") + "/readyz" for name, url in found.items()}


def _process(settings: Settings, name: str, url: str) -> Asked:
    log = str(settings.data_dir / "logs" / f"{name}.log")

    def ask() -> Iterator[Finding]:
        return of_process(name, _causes(url), log)

    return ask


def _causes(url: str) -> list[dict[str, str]] | None:
    """Why a process is not ready, in its own words; None where it does not answer as ours do."""
    request = Request(url, headers={"Accept": "application/json"})
    try:
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=ASK_S) as reply:
                answer = json.loads(reply.read())
        except HTTPError as error:
            answer = json.loads(error.read())
        return list(answer["causes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _kafka(settings: Settings) -> Iterator[Finding]:
    from streams import catalogue
    from streams.ground.probes import kafka_probe

    probe = kafka_probe(settings, (topic.name for topic in catalogue.topics(settings)))
    return of_kafka([cause.reason for cause in asyncio.run(probe.causes())])


def _topics(settings: Settings) -> Iterator[Finding]:
    from streams.cli._members import members
    from streams.console.reach import look

    try:
        yield from of_topics(look(settings), members(settings))
    except UnavailableError as error:
        yield unknown("processors", str(error))


def _registry(settings: Settings) -> Iterator[Finding]:
    if not settings.has_registry:
        return
    from schemas.registry import Registry, RegistryAccess, RegistryRefusedError, RegistryUnreachableError

    access = RegistryAccess(
        settings.registry_url, settings.registry_user or None, settings.registry_password or None, total_timeout_s=ASK_S
    )

    async def ask() -> None:
        async with Registry(access) as registry:
            await registry.by_id(1)

    try:
        asyncio.run(ask())
    except RegistryUnreachableError as error:
        yield Finding(State.DOWN, "registry", str(error), "EXLIFY_REGISTRY_URL says where it is")
        return
    except RegistryRefusedError as error:
        if error.status in (401, 403):
            yield Finding(State.DOWN, "registry", str(error), "EXLIFY_REGISTRY_USER and EXLIFY_REGISTRY_PASSWORD")
            return
    yield Finding(State.OK, "registry", "answers")


def _figures(settings: Settings) -> Iterator[Finding]:
    try:
        yield from of_figures(Client(settings).get("/v1/status"))
    except ExlifyError as error:
        yield unknown("instances", str(error))
