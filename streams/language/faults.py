"""Faults of a definition: what is wrong, where, and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from streams.ground.errors import UsageError

MAX_FAULTS = 200  # told of one definition


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


class FaultList:
    """Faults in the order in which they were found, each once: a definition with very many is told the first of them,
    and how many more there are."""

    __slots__ = ("_errors_left_out", "_kept", "_seen")

    def __init__(self) -> None:
        self._kept: list[Fault] = []
        self._seen: set[Fault] = set()
        self._errors_left_out = False

    def add(self, fault: Fault) -> None:
        """Notes a fault, unless it is there."""
        if fault in self._seen:
            return
        self._seen.add(fault)
        if len(self._kept) < MAX_FAULTS:
            self._kept.append(fault)
        elif fault.severity is Severity.ERROR:
            self._errors_left_out = True

    def listed(self) -> list[Fault]:
        """Those that are told; the last says how many are not."""
        more = len(self._seen) - len(self._kept)
        return [*self._kept, self._others(more)] if more else list(self._kept)

    def _others(self, more: int) -> Fault:
        last = max(self._kept, key=lambda fault: (fault.line, fault.column))
        return Fault(
            file=last.file,
            line=last.line,
            column=last.column + 1,  # so that it stays the last when they are put in order
            code="more-faults",
            message=f"and {more:,} more",
            remedy="mend these first",
            severity=Severity.ERROR if self._errors_left_out else Severity.WARNING,
        )


class DefinitionError(UsageError):
    """The definition cannot be used. `faults` has every one of them in the order of the file; the text is one line
    each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each fault."""
        return tuple(map(str, self.faults))


def errors_of(faults: Sequence[Fault]) -> list[Fault]:
    """Those that forbid to deploy."""
    return [fault for fault in faults if fault.severity is Severity.ERROR]
