"""How an owner declares its settings: a frozen dataclass of fields, each made by `setting` or `family`.

    @dataclass(frozen=True, kw_only=True)
    class CallSettings(Group):
        \"\"\"Calls of outside systems.\"\"\"

        concurrency: int = setting("EXLIFY_CALL_CONCURRENCY", 64, "Calls under way at once in one worker", minimum=1)

The owner asks `settings.of(CallSettings).concurrency`. A declaration says everything that is to be known of a setting:
what is allowed, what happens without it, and what people read about it. `streams/catalogue.py` has all groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from streams.ground.kinds import Kind, usual

PLACEHOLDER = "<NAME>"
FILE_SUFFIX = "_FILE"  # of the variable that names a file with the secret in it


class Group:
    """The settings of one owner; its docstring is the heading in the reference."""


@dataclass(frozen=True)
class Spec:
    """One declared setting, or a family of them whose variables differ in a name."""

    variable: str
    default: Any
    prose: str
    kind: Kind
    secret: bool = False
    endpoint: str | None = None  # where `exlify up` wrote the address that counts when the variable is not set

    @property
    def is_family(self) -> bool:
        """Whether the variable has a place for a name."""
        return PLACEHOLDER in self.variable

    @property
    def file_variable(self) -> str | None:
        """The variable that may name a file with the value in it; secrets of one name only."""
        return self.variable + FILE_SUFFIX if self.secret and not self.is_family else None

    def name_in(self, variable: str) -> str | None:
        """The name that a variable of this family has in its place, folded; None where it is none of the family."""
        head, _, tail = self.variable.partition(PLACEHOLDER)
        found = re.fullmatch(f"{head}(.+){tail}", variable)
        return fold(found[1]) if self.is_family and found else None

    def fault(self, variable: str, text: str) -> str:
        """One line about a value that does not fit: place, reason, what is allowed, what counts without it."""
        # A password may stand where nobody has thought of one.
        shown = "its value" if self.secret or "@" in text else repr(text if len(text) <= 60 else text[:59] + "…")
        default = shown_default(self.default) or "none"
        return f"{variable}: {shown} does not fit. Write {self.kind.allowed} (default: {default})."


def setting(
    variable: str,
    default: Any,
    prose: str,
    *,
    secret: bool = False,
    choices: Sequence[str] = (),
    minimum: int | None = None,
    maximum: int | None = None,
    kind: Kind | None = None,
    endpoint: str | None = None,
) -> Any:
    """A field whose value comes from a variable; its kind follows from the default unless it is given."""
    spec = Spec(
        variable, default, prose, kind or usual(default, choices, minimum, maximum), secret=secret, endpoint=endpoint
    )
    return field(default=default, metadata={"spec": spec}, repr=not secret)


def family(variable: str, prose: str, *, kind: Kind, secret: bool = False) -> Any:
    """A field whose value is a mapping: one entry for each variable that fits, by what stands for `<NAME>`, folded."""
    spec = Spec(variable, {}, prose, kind, secret=secret)
    return field(default_factory=dict, metadata={"spec": spec}, repr=not secret)


def specs(group: type[Any]) -> Mapping[str, Spec]:
    """What a group declares, by field."""
    return {each.name: each.metadata["spec"] for each in fields(group) if "spec" in each.metadata}


def fold(name: str) -> str:
    """A name as it is compared: case, hyphen and underscore make no difference."""
    return name.lower().replace("_", "-")


def shown_default(value: object) -> str:
    """A default as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None or value == {} else str(value)
