"""What a rollout needs of the systems outside: what definitions ask of each, as whom, within which limits, what lacks.

By the definitions given and this site, with what the site takes in from systems by itself. What an expression will name
is not known; such calls stand under no system.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from connectors.asyncapi import ASYNCAPI
from connectors.http import EFFECTS, HTTP, OPENAPI, SAVE
from connectors.http import SEND as SEND_FILE
from connectors.http.openapi import ApiOperation
from connectors.hub.connections import folded, named
from connectors.hub.identity import NAMES, Webhook
from connectors.webhook import SEND
from schemas.functions import EffectClass, Function
from schemas.payload import Json
from streams.language.source import parse
from streams.processors.call.connections import Addresses, Described

NOT_THERE = "no such operation"
UNNAMED = "(by address or expression)"


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """One thing that a workflow, or a source of events, asks of a system."""

    function: str
    operation: str  # method, operationId, or the place that is taken from
    effect: str
    workflow: str


@dataclass(slots=True)
class System:
    """A system and what is known of it; `described` is None where this site has no address for it."""

    name: str
    described: Described | None = None
    uses: set[Use] = field(default_factory=set)

    @property
    def lacks(self) -> str:
        """What has to be done before calls can be made; empty where nothing is known to lack."""
        if self.name != UNNAMED and self.described is None:
            return "an address"
        if any(use.effect == NOT_THERE for use in self.uses):
            return "an operation in its document"
        signs = self.described is not None and NAMES[Webhook] in self.described.ways
        if not signs and any(use.function == SEND.name for use in self.uses):
            return "a secret to sign with"
        return ""

    @property
    def protocol(self) -> str:
        """The scheme of its address."""
        return "" if self.described is None else urlsplit(self.described.address).scheme


def inventory(
    texts: Iterable[tuple[str, str]],
    functions: Mapping[str, Function],
    addresses: Addresses,
    taken: Iterable[tuple[str, Use]] = (),
) -> list[System]:
    """The systems that definitions (file and text) use and those that the site knows, by name.

    `taken` is what sources ask of connections. Raises DefinitionError for a text that is no YAML; one that has other
    faults is read as far as it goes.
    """
    found = {each.name: System(each.name, each) for each in addresses.described()}
    for file, text in texts:
        value = parse(text, file).value
        workflow = _name(value, file)
        for task in _tasks(value):
            function = functions.get(str(task.get("call")))
            if function is not None and (target := _system(function, task)) is not None:
                use = _use(function, task, target, workflow, addresses)
                found.setdefault(target, System(target)).uses.add(use)
                for folder, argument, does in _folders(function, task):
                    found.setdefault(folder, System(folder)).uses.add(Use(function.name, argument, does, workflow))
                for registry in _registries(task):
                    schemas = Use(function.name, "schemas", EffectClass.READ.value, workflow)
                    found.setdefault(registry, System(registry)).uses.add(schemas)
    for connection, use in taken:
        name = folded(connection)
        found.setdefault(name, System(name)).uses.add(use)
    return [found[name] for name in sorted(found)]


def _name(value: Json, file: str) -> str:
    head = value.get("document") if isinstance(value, dict) else None
    return f"{head.get('namespace')}.{head.get('name')}" if isinstance(head, dict) else file


def _tasks(value: Json) -> Iterator[Mapping[str, Json]]:
    if isinstance(value, dict):
        if isinstance(value.get("call"), str):
            yield value
        for inner in value.values():
            yield from _tasks(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _tasks(inner)


def _system(function: Function, task: Mapping[str, Json]) -> str | None:
    """The name of the system that a call is for; None for a call that leads to none."""
    given = task.get("with")
    given = given if isinstance(given, dict) else {}
    by_address = function.name in (HTTP.name, OPENAPI.name, ASYNCAPI.name)
    if by_address or any(each.name == "connection" for each in function.arguments):
        return next(named(given), UNNAMED)
    return None


def _registries(task: Mapping[str, Json]) -> Iterator[str]:
    """The registry that has the schemas of a message that is published, where that is no matter of data."""
    given = task.get("with")
    avro = given.get("avro") if isinstance(given, dict) else None
    if isinstance(avro, dict):
        yield from named({"connection": avro.get("registry")})


def _folders(function: Function, task: Mapping[str, Json]) -> Iterator[tuple[str, str, str]]:
    """The folders whose files are the bodies of a request or of its answer, and what is done there."""
    given = task.get("with")
    for argument, effect in ((SAVE, EffectClass.IDEMPOTENT), (SEND_FILE, EffectClass.READ)):
        said = given.get(argument.name) if argument in function.arguments and isinstance(given, dict) else None
        if isinstance(said, dict):
            for folder in named({"connection": said.get("connection")}):
                yield folder, argument.name, effect.value


def _use(function: Function, task: Mapping[str, Json], system: str, workflow: str, addresses: Addresses) -> Use:
    given = task.get("with")
    given = given if isinstance(given, dict) else {}
    metadata = task.get("metadata")
    said = metadata.get("effect") if isinstance(metadata, dict) else None
    method = operation = str(given.get("method", "")).upper()
    if function.name == OPENAPI.name:
        operation = str(given.get("operationId", ""))
        api = addresses.api(system)
        if api and operation not in api:
            return Use(function.name, operation, NOT_THERE, workflow)
        known = api.get(operation)
        method = known.method if isinstance(known, ApiOperation) else ""
    elif function.name == ASYNCAPI.name:
        operation = str(given.get("operation") or given.get("channel") or "")
        if (api := addresses.api(system)) and operation not in api:
            return Use(function.name, operation, NOT_THERE, workflow)
    effect = function.effect or said or EFFECTS.get(method, EffectClass.BLIND)
    return Use(function.name, operation, str(effect), workflow)
