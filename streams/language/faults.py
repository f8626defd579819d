"""Faults of a definition: what is wrong, where, and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from streams.ground.errors import UsageError


class Severity(StrEnum):
    """Whether a definition with the fault can be deployed."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; `line` and `column` count from 1. `code` is stable, for machines; `message` and `remedy` are for
    people."""

    file: str
    line: int
    column: int
    code: str
    message: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        end = "" if self.remedy.endswith("?") else "."
        return f"{where}: {self.severity}[{self.code}]: {self.message}. Remedy: {self.remedy}{end}"


class DefinitionError(UsageError):
    """The definition cannot be used. `faults` has every one of them in the order of the file; the text is one line
    each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


def errors_of(faults: Sequence[Fault]) -> list[Fault]:
    """Those that forbid to deploy."""
    return [fault for fault in faults if fault.severity is Severity.ERROR]
