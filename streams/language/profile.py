"""What of the specification is not understood, and what to do instead; the rest stands with its constructs.

Two kinds of refusal: what belongs to the profile and is not built yet, and what does not belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass

DSL_VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a part of the specification cannot be used, and what can."""

    built_later: bool
    remedy: str

    @property
    def code(self) -> str:
        """The code of the fault."""
        return "not-built" if self.built_later else "not-in-profile"

    def message(self, what: str) -> str:
        """The text of the fault."""
        why = "is part of the profile but not built yet" if self.built_later else "is not part of Exlify's profile"
        return f"`{what}` {why}"


def _later(remedy: str) -> Refusal:
    return Refusal(True, remedy)


def _never(remedy: str) -> Refusal:
    return Refusal(False, remedy)


ROOT = {
    "evaluate": _never("leave it out: expressions are jq in strict mode"),
}
USE = {
    "catalogs": _never("call one of the functions that there are"),
    "extensions": _never("write the tasks where they are to run"),
}
TASKS: dict[str, Refusal] = {}
RUN = {
    name: _never("call a service with `call: http`, or a database with `call: sql.execute`")
    for name in ("container", "script", "shell")
} | {"return": _never("leave it out: the output is that of the workflow")}
EVENT_ATTRIBUTES_OF_LISTEN = {
    name: _never("filter on `type`, `source`, `subject`, `id` and `data`")
    for name in ("time", "datacontenttype", "dataschema")
}
ARGUMENTS = {
    "asyncapi": {
        "subscription": _never("have messages.yaml make events of what comes, and wait for them with `listen`"),
        "server": _never("leave it out: the connection is the server"),
        "protocol": _never("leave it out: the address of the connection says it"),
        "authentication": _never("leave it out: the connection has its user and password"),
    }
}
RETRY = {"duration": _later("give the step a `timeout`, or write `limit: {duration: ...}` for all tries together")}
SCHEMAS = {
    "resource": _never(
        "name a file in the folder of the definition, which `exlify deploy` writes in, or write it under `document`"
    )
}
CALLS = {
    "grpc": _never("call a gateway that speaks HTTP"),
    "a2a": _later("call the agent with `call: http`"),
    "mcp": _later("call the tool with `call: http`"),
    "agent": _later("write the steps down, or ask people with `call: human`"),
}
