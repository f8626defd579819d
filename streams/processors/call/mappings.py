"""The mappings of the site folder, `mappings/NAME.yaml`, and the step that asks for one.

A file is read when it is first asked for and followed from then on. One that is faulty, or whose own tests fail, leaves
the one before it in force.

    from: schemas/order.json            # JSON Schemas of both sides, if there are
    fields:
      Order.@number: .number
      Order.Date: {from: .ordered, date: {read: dd.MM.yyyy}}
      Order.Line: {each: .lines, fields: {Sku: .sku, Price: {from: .price, decimal: {mark: ',', places: 2}}}}
    tests:
      - {input: {...}, output: {...}}
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from connectors.mappings import Mapping as ValueMapping
from connectors.mappings import MappingError, MappingFault, mapping_of
from connectors.mappings.rules import Evaluate
from schemas.functions import ArgumentError
from schemas.jsontext import UnfitDataError
from schemas.payload import Door, Json, Payload, UnreadablePayloadError
from schemas.reasons import Reason
from schemas.steps import completed, faulted, problem
from streams.ground.errors import ConfigurationError
from streams.ground.named_files import Kind, NamedFiles
from streams.ground.references import UnresolvedError
from streams.ground.site import Site
from streams.ground.site_yaml import Part
from streams.language.jq import ProgramError, compile_program
from streams.language.jq.program import reason_of
from streams.processors import call

FOLDER = "mappings"
SCHEMAS = "schemas/"
ASIDE_BYTES = 64 * 1024  # an input from this size on is mapped beside the event loop


def read_mapping(document: Part | None) -> ValueMapping | None:
    """What a file says; faults with their place."""
    if document is None:
        return None

    def schema(name: str) -> Any:
        if not name.startswith(SCHEMAS) or ".." in name:
            raise ValueError(f"no schema of the site folder; write {SCHEMAS}NAME.json")
        try:
            return orjson.loads(document.resolve(f"${{file:../{name}}}"))
        except UnresolvedError as error:
            raise ValueError(str(error)) from None
        except orjson.JSONDecodeError as error:
            raise ValueError(f"{name}: no JSON ({error.msg}, line {error.lineno})") from None

    try:
        return mapping_of(document.plain(), evaluated, schema)
    except MappingFault as fault:
        document.at(fault.place).fault(fault.what, fault.remedy)


KIND = Kind(FOLDER, "mapping", "fields:", read_mapping)


class Mappings(NamedFiles[ValueMapping]):
    """The mappings by name, as they are now."""

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site, KIND)


def evaluated(source: str) -> Evaluate:
    """An expression as a function; both raise ValueError, whose texts quote no data."""
    try:
        program = compile_program(source)
    except ProgramError as error:
        raise ValueError(str(error)) from None
    if program.variables:
        raise ValueError("it has variables, and there are none here")

    def evaluate(value: Json) -> Json:
        try:
            result: Json = program.run(value, {})
        except Exception as error:  # noqa: BLE001  # the library raises whatever; `reason_of` tells it without data
            raise ValueError(reason_of(error)) from None
        return result

    return evaluate


async def mapped(command: Mapping[str, Any], mappings: Mappings) -> dict[str, Any]:
    """The StepResult of a step that asks for a mapping."""
    try:
        asked = call.MAPPING.read(command["arguments"].value())
        mapping = mappings.get(str(asked["name"]))
        if len(command["arguments"]) < ASIDE_BYTES:
            found = mapping.apply(asked["input"])
        else:
            found = await asyncio.to_thread(mapping.apply, asked["input"])
    except (ArgumentError, UnreadablePayloadError) as error:
        return _failed(command, Reason.INPUT_INVALID, str(error))
    except ConfigurationError as error:
        return _failed(command, Reason.MISCONFIGURED, f"mapping: {error}")
    except MappingError as error:
        return _failed(command, Reason.INPUT_INVALID, f"mapping {asked['name']}: {error}")
    try:
        return completed(command, Payload.from_outside(found, Door.RESULT))
    except UnfitDataError as error:
        return _failed(command, Reason.INPUT_INVALID, f"mapping {asked['name']}: its output: {error}")


def _failed(command: Mapping[str, Any], reason: Reason, detail: str) -> dict[str, Any]:
    return faulted(command, problem(reason, detail, command["pointer"]))
