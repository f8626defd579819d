"""What `make bench` measures in memory can be measured: nobody runs it with every change."""

from types import ModuleType

import pytest

from tests.bench import decide, micro, records


@pytest.mark.parametrize("part", [micro, decide, records], ids=lambda part: part.__name__.rpartition(".")[2])
def test_part_gives_figures(part: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in {"ROUNDS": 1, "INSTANCES": 200, "COUNT": 200}.items():
        if hasattr(part, name):
            monkeypatch.setattr(part, name, few)
    figures = part.measure()
    assert figures
    assert all(value > 0 for value in figures.values())
