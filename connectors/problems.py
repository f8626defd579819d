"""The types of error that the definition language knows, as URIs of RFC 9457 problems.

They are what `catch.errors.with.type` in a definition filters on. The specification has moved its URIs once; errors
are raised with the new family, filters accept the old ones too (`canonical`).
"""

from __future__ import annotations

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


def canonical(uri: str) -> str:
    """The URI in the family that is raised; URIs of nobody's family are returned as they are."""
    for family in OLD_FAMILIES:
        if uri.startswith(family):
            return FAMILY + uri.removeprefix(family)
    return uri
