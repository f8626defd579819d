"""Writes the golden pictures anew: `python -m tests.unit.console.golden`. Look at them before they are committed."""

from __future__ import annotations

from pathlib import Path

from streams.console.diagram.layout import layout
from streams.console.diagram.outline import outline
from streams.console.diagram.svg import svg
from tests.support.definitions import load

FOLDER = Path(__file__).parent / "golden"

if __name__ == "__main__":
    for file in (Path("streams/workflows/customer-onboarding.yaml"), FOLDER / "nested.yaml"):
        for narrow in (False, True):
            drawn = svg(layout(outline(load(file.read_text())), narrow=narrow))
            (FOLDER / f"{file.stem}{'-narrow' if narrow else ''}.svg").write_text(drawn + "\n")
