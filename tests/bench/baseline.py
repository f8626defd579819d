"""Figures beside those of an earlier run, on whatever machine: each as its ratio to the bare hop of the same run.

`python -m tests.bench ... --keep` writes them to `baseline.json`; every run that measures the hop is compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

HOP = "baseline.hop_p50_ms"
FILE = Path(__file__).with_name("baseline.json")
OTHERS = ("restate.", "to_restate.", "scale.")  # what a peer did, and what a clock decides
COMPARED = ("per_s", "per_cpu_s", "p50_ms", "cpu_ms")  # what the ends of the curve say drifts by itself
Figures = Mapping[str, float | str]


def ratios(figures: Figures) -> dict[str, float]:
    """Figures in bare hops: so many hops a workflow takes, or workflows a hop. Empty where the hop was not measured."""
    hop = figures.get(HOP)
    if not isinstance(hop, float):
        return {}
    return {
        name: float(f"{value / hop if '_ms' in name else value * hop:.3g}")
        for name, value in figures.items()
        if isinstance(value, float) and name != HOP and not name.startswith(OTHERS)
        if any(each in name for each in COMPARED)
    }


def compared(figures: Figures, kept: Mapping[str, float]) -> dict[str, float]:
    """How each ratio stands to the one that was kept: above 1 it is better now."""
    return {
        f"to_baseline.{name}": round(kept[name] / now if "_ms" in name else now / kept[name], 2)
        for name, now in ratios(figures).items()
        if kept.get(name) and now
    }


def kept() -> dict[str, float]:
    """Those of the run that was kept; empty where none was."""
    try:
        found: dict[str, float] = json.loads(FILE.read_text())
    except FileNotFoundError:
        return {}
    return found


def keep(figures: Figures) -> None:
    """Writes those of this run down, beside the others that are there."""
    FILE.write_text(json.dumps(dict(sorted((kept() | ratios(figures)).items())), indent=1) + "\n")
