"""The types of error that the definition language knows, as URIs of RFC 9457 problems: their one home.

They are what `catch.errors.with.type` in a definition filters on, so everyone who makes a problem (engine, step
processors, connectors) takes its type from here. The specification has moved its URIs once, and its own texts
disagree: errors are raised with the new family, filters accept the others too (`canonical`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FAMILY = "https://open-workflow-specification.org/spec/1.0.0/errors/"
OLD_FAMILIES = (
    "https://serverlessworkflow.io/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://serverlessworkflow.io/spec/",
    "https://open-workflow-specification.org/dsl/errors/types/",
)

CONFIGURATION = FAMILY + "configuration"
VALIDATION = FAMILY + "validation"
EXPRESSION = FAMILY + "expression"
AUTHENTICATION = FAMILY + "authentication"
AUTHORIZATION = FAMILY + "authorization"
TIMEOUT = FAMILY + "timeout"
COMMUNICATION = FAMILY + "communication"
RUNTIME = FAMILY + "runtime"


@dataclass(frozen=True, slots=True)
class ErrorType:
    """What is said of a type of error where the occurrence says nothing else."""

    title: str  # for people
    status: int  # HTTP status


ERROR_TYPES: Mapping[str, ErrorType] = MappingProxyType(
    {
        CONFIGURATION: ErrorType("Configuration error", 400),
        VALIDATION: ErrorType("Validation error", 400),
        EXPRESSION: ErrorType("Expression error", 400),
        AUTHENTICATION: ErrorType("Authentication error", 401),
        AUTHORIZATION: ErrorType("Authorization error", 403),
        TIMEOUT: ErrorType("Timeout", 408),
        COMMUNICATION: ErrorType("Communication error", 500),
        RUNTIME: ErrorType("Runtime error", 500),
    }
)


def canonical(uri: str) -> str:
    """The URI in the family that is raised; URIs of nobody's family are returned as they are."""
    for family in OLD_FAMILIES:
        if uri.startswith(family):
            return FAMILY + uri.removeprefix(family)
    return uri
