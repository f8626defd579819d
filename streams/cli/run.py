"""`exlify run`: one instance to its end in this process, with real calls and decisions and without Kafka."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from streams.cli._definition_files import definition_of
from streams.cli._files import text_of
from streams.cli._output import print_document
from streams.cli._steps import own_steps, steps_option
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from schemas.cloudevents import CloudEvent
    from streams.processors.human.local import Answer

EXIT_NOT_COMPLETED = 1
UNDOING = ("undone", "standing")  # told where there is something


@click.command(
    "run",
    epilog="""\b
Examples:
  exlify run order.yaml --input '{"total": 3}'
  exlify run onboarding.yaml --input @application.json --answer reviewApplication=approve
  exlify run order.yaml --event '{"type": "order.paid.v1", "data": {"order": 5}}'
  exlify run onboarding.yaml --input @application.json --mock answers.yaml --virtual-time
  exlify run parcel.yaml --steps my_steps.py --input '{"weight": 2}'
""",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--input", "-i", "given", default="{}", metavar="JSON|@FILE", help="Input of the workflow. Default: {}.")
@click.option(
    "--answer",
    "-a",
    "answers",
    multiple=True,
    metavar="TASK=OUTCOME[:JSON]",
    help="What a person answers to the human task of this name or pointer, with data; may be repeated, also for one "
    'task that is entered several times. The same as JSON: TASK={"outcome": ..., "data": ...}, or {TASK: ...}.',
)
@click.option(
    "--mock",
    "mock",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML or JSON with answers in place of systems and models, in turn: TASK: [{error: {reason: UNREACHED}}, "
    "{output: ...}]; TASK@1 for the first that it falls back on.",
)
@click.option("--virtual-time", is_flag=True, help="Waits, pauses between tries and timeouts pass at once.")
@click.option(
    "--event",
    "events",
    multiple=True,
    metavar="JSON|@FILE",
    help="An event that happens before the instance begins, for a task that listens, as CloudEvents writes it as JSON; "
    "or a list of them. May be repeated.",
)
@steps_option
@click.option("--json", "as_json", is_flag=True, help="Print the outcome on one line.")
def command(
    file: Path,
    given: str,
    answers: Sequence[str],
    mock: Path | None,
    virtual_time: bool,
    events: Sequence[str],
    places: Sequence[Path],
    as_json: bool,
) -> None:
    """Execute one instance of the workflow in FILE here and print how it ended.

    Prints one JSON object: status, output, error, and tasks as pointers in the order in which they started; and what
    was undone, or stands, where there is something. Exit code
    0 if the instance has completed, 1 if it has faulted, 2 if definition, input or an answer cannot be used.
    """
    from schemas.lifecycle import Status
    from streams import catalogue
    from streams.ground import logs
    from streams.language import load
    from streams.local import run_locally
    from streams.mocked import mocks_of

    settings = catalogue.load_settings()
    steps = own_steps(places, settings, [file])
    graph = load(definition_of(file), str(file), catalogue.functions(steps))
    data, answered = _value(given, "--input"), _answers(answers)
    declared = tuple(catalogue.processors(steps).values())
    logs.configure(settings)
    mocks = mocks_of(_document(mock), str(mock)) if mock is not None else None
    happened = [event for text in events for event in _events(text)]
    report = asyncio.run(
        run_locally(
            graph, data, answered, settings, declared, steps, mocks=mocks, virtual_time=virtual_time, events=happened
        )
    )
    told = {name: value for name, value in asdict(report).items() if name not in UNDOING or value}
    print_document(orjson.dumps(told, option=0 if as_json else orjson.OPT_INDENT_2).decode())
    if report.status != Status.COMPLETED:
        raise SystemExit(EXIT_NOT_COMPLETED)


def _document(file: Path) -> Any:
    """The value of a file in YAML, of which JSON is a part; raises UsageError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text_of(file))
    except YAMLError as error:
        raise UsageError(f"{file}: not YAML ({type(error).__name__}). Check indentation, quotes and colons.") from None


def _events(given: str) -> list[CloudEvent]:
    """The events of one `--event`; raises UsageError."""
    from schemas.cloudevents import CloudEvent, check_attributes

    found = []
    value = _value(given, "--event")
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            raise UsageError('--event: not an event. Write {"type": "order.paid.v1", "data": {}}.')
        attributes = {"specversion": "1.0", "source": "/exlify/local", "id": uuid.uuid4().hex, **one}
        data = attributes.pop("data", None)
        if faults := check_attributes(attributes):
            raise UsageError(f"--event: {'; '.join(map(str, faults))}")
        found.append(CloudEvent(attributes, data))
    return found


def _value(given: str, name: str) -> Any:
    """The value of an option that takes JSON or a file of it; raises UsageError."""
    text = given
    if given.startswith("@"):
        name = given[1:]
        text = text_of(Path(name))
    return _json(text, name)


def _answers(given: Sequence[str]) -> dict[str, list[Answer]]:
    """The answers by task, in the order given; raises UsageError."""
    answers: dict[str, list[Answer]] = {}
    for text in given:
        for task, said in _said(text):
            answers.setdefault(task, []).append(_answer(task, said))
    return answers


def _said(text: str) -> list[tuple[str, Any]]:
    """What one `--answer` says of which tasks: TASK=..., or a JSON object of tasks."""
    if text.startswith("{"):
        return list(_json(text, "--answer").items())
    task, _, said = text.partition("=")
    if not (task and said):
        raise UsageError(f"--answer {text}: not an answer. Write TASK=OUTCOME or TASK=OUTCOME:JSON.")
    if said.startswith("{"):
        return [(task, _json(said, f"--answer {task}"))]
    outcome, _, data = said.partition(":")
    return [(task, {"outcome": outcome, "data": _json(data, f"--answer {task}")} if data else outcome)]


def _answer(task: str, said: Any) -> Answer:
    from streams.processors.human.local import Answer

    if isinstance(said, str):
        return Answer(said)
    if not isinstance(said, dict) or not isinstance(said.get("outcome"), str) or said.keys() - {"outcome", "data"}:
        raise UsageError(f'--answer {task}: not an answer. Write {{"outcome": "approved", "data": {{}}}}.')
    return Answer(**said)


def _json(text: str, name: str) -> Any:
    from schemas.jsontext import NoJsonError, UnfitDataError, parse

    try:
        return parse(text)
    except NoJsonError as error:
        raise UsageError(f"{name}: not JSON, {error}. Write for example '{{\"amount\": 5}}'.") from None
    except UnfitDataError as error:
        raise UsageError(f"{name}: data cannot be taken: {error}.") from None
