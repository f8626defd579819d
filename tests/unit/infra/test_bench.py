"""What `make bench` measures in memory can be measured: nobody runs it with every change."""

from types import ModuleType

import pytest

from tests.bench import decide, micro, records, turns


@pytest.mark.parametrize("part", [micro, decide, records], ids=lambda part: part.__name__.rpartition(".")[2])
def test_part_gives_figures(part: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in {"ROUNDS": 1, "INSTANCES": 200, "COUNT": 200}.items():
        if hasattr(part, name):
            monkeypatch.setattr(part, name, few)
    figures = part.measure()
    assert figures
    assert all(value > 0 for value in figures.values())


def test_versions_are_compared_round_by_round() -> None:
    slow = {"per_s_1": 100.0, "p50_ms_1": 10.0, "cpu_ms.idle_1": 0.0}
    fast = {"per_s_1": 150.0, "p50_ms_1": 8.0, "cpu_ms.idle_1": 0.0}
    rounds = [{"base": slow, turns.HERE: fast}] * 2 + [{"base": fast, turns.HERE: fast}]
    assert turns.ratios(rounds, "base") == {
        "per_s_1": turns.Ratio(1.5, 1.25, 1.5),
        "p50_ms_1": turns.Ratio(1.25, 1.125, 1.25),
    }
