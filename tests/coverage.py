"""`make coverage`: what the unit tests reach, a line for each package. Nothing of it stays on the disk.

What runs in a process of its own (workers, servers, the supervisor) is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PACKAGES = ("streams", "schemas", "connectors", "models", "infra")
COUNTS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def main(arguments: list[str]) -> int:
    """Runs the tests named, those of tests/unit by default; gives the exit code of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/data"
        tests = arguments or ["tests/unit"]
        run = ["run", data, "--branch", f"--source={','.join(PACKAGES)}", "-m", "pytest", "-q", *tests]
        code = subprocess.call([sys.executable, "-m", "coverage", *run])
        report = Path(folder) / "report.json"
        subprocess.check_call([sys.executable, "-m", "coverage", "json", data, "--quiet", "-o", str(report)])
        files = json.loads(report.read_text())["files"]
    print("\n".join(table((path, file["summary"]) for path, file in files.items())))
    return code


def table(files: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Lines of text: for each package, and for all, how many lines and branches there are and are reached."""
    packages: dict[str, Counter[str]] = {}
    for path, summary in sorted(files):
        for name in (str(Path(path).parent), "all"):
            packages.setdefault(name, Counter()).update({each: summary[each] for each in COUNTS})
    ordered = [*sorted(packages.keys() - {"all"}), "all"]
    rows = [(name, *_shares(packages[name])) for name in ordered if packages[name]["num_statements"]]
    return [f"{'package':<36} {'lines':>7} {'branches':>9} {'reached':>8}", *(_row(*row) for row in rows)]


def _shares(counted: Counter[str]) -> tuple[int, int, float]:
    lines, lines_reached, branches, branches_reached = (counted[each] for each in COUNTS)
    return lines, branches, (lines_reached + branches_reached) / (lines + branches)


def _row(name: str, lines: int, branches: int, reached: float) -> str:
    return f"{name:<36} {lines:>7,} {branches:>9,} {reached:>8.1%}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
