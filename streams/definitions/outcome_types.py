"""What the outcomes of a workflow are on the wire, where its definition says what its output is.

The type is made when a version is deployed, stands beside it, and is registered where there is a registry. Who reads
outcomes reads those of every version, so each version's type can be read as that of any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from fastavro.schema import SchemaParseException

from schemas.catalogue import Schema, parse, text
from schemas.typed import outcome_schema, output_type, value_of
from streams.definitions.compatibility import unreadable
from streams.ground.errors import UnavailableError
from streams.language.graph import Graph

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.definitions.book import Deployed


class OutcomeType(NamedTuple):
    """The Avro type of outcomes, and the id under which it is written."""

    id: int
    schema: Schema

    def value(self, outcome: Mapping[str, Any]) -> bytes | None:
        """The framed value of an outcome; None where the type cannot hold its output."""
        return value_of(self.id, self.schema, outcome)

    def fields(self) -> dict[str, Any]:
        """As WorkflowDefinition has it."""
        return {"outcome_schema": text(self.schema), "outcome_schema_id": self.id}


def outcome_type_of(data: Mapping[str, Any]) -> OutcomeType | None:
    """That of a WorkflowDefinition; None where its outcomes carry JSON."""
    if data.get("outcome_schema") is None or data.get("outcome_schema_id") is None:
        return None
    try:
        return OutcomeType(data["outcome_schema_id"], parse(data["outcome_schema"]))
    except (ValueError, SchemaParseException):
        return None


def declared(graph: Graph) -> Schema | None:
    """The type that a definition's schema of its output makes; None where it has none, or one that names no members."""
    output = graph.document.get("output")
    schema = output.get("schema") if isinstance(output, dict) else None
    return outcome_schema(graph.name, schema.get("document")) if isinstance(schema, dict) else None


async def registered(codec: Codec, schema: Schema | None) -> OutcomeType | None:
    """The type with its id. Raises UnavailableError where the registry does not answer as it should."""
    from schemas.registry import RegistryError  # with its HTTP client, which runs without Kafka never need

    if schema is None:
        return None
    try:
        return OutcomeType(await codec.register(schema), schema)
    except RegistryError as error:
        raise UnavailableError(f"The type of the outcomes cannot be registered: {error}") from None


def incompatible(graph: Graph, deployed: Iterable[Deployed]) -> str | None:
    """Why who reads outcomes of the other versions could not read those of this one, and what to do; None if they can.

    Both ways, as what was written stays on the topic: with the old type new outcomes are read, with the new one old.
    """
    schema = declared(graph)
    for each in deployed:
        if each.name != graph.name or each.outcome is None:
            continue
        why = "it has no schema of its output any more" if schema is None else _differs(each.outcome.schema, schema)
        if why is not None:
            return (
                f"{graph.name} {graph.version} changes what its outcomes are so that who reads those of {each.version} "
                f"cannot read them: {why}. Leave members as they are, let new ones be left out (not `required`), or "
                "deploy it under another name."
            )
    return None


def _differs(old: Schema, new: Schema) -> str | None:
    before, after = (output_type(each) for each in (old, new))
    return unreadable(after, before) or unreadable(before, after)
