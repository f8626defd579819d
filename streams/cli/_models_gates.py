"""What commands go through that make a model, gate by gate; the first that is not passed ends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from streams.cli._output import echo
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from models.making.learning import Gate


class ClosedGate(Exception):
    """A gate did not let the model through; it stands last among the gates."""


@dataclass
class Gates:
    """What was looked at so far."""

    gates: list[Gate] = field(default_factory=list, kw_only=True)

    def through(self, gate: Gate) -> None:
        """Says what a gate found. Raises ClosedGate."""
        self.gates.append(gate)
        if not gate.passed:
            raise ClosedGate

    def fail(self, gate: str, says: str) -> NoReturn:
        """Raises ClosedGate."""
        from models.making.learning import Gate

        self.gates.append(Gate(gate, False, says, {}))
        raise ClosedGate

    @contextmanager
    def reading(self, files: str) -> Iterator[None]:
        """What a trainer has made is read, whatever it may have put into these files. Raises ClosedGate."""
        try:
            yield
        except (UsageError, ValueError) as error:
            self.fail("parity", str(error))
        except (KeyError, TypeError, AttributeError) as error:
            self.fail("parity", f"{files} of the trainer cannot be used: {error!r}")


def tell(gates: Sequence[Gate]) -> None:
    """For people."""
    for each in gates:
        echo(f"{each.gate}: {each.says}") if each.passed else echo(f"! {each.gate}: {each.says}", err=True)
