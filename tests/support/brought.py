"""Models that others have made, and a site folder in which commands add, check and certify them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from streams.cli import group
from streams.ground.errors import ExlifyError
from tests.support import foreign

REGRESSION = """
[[routing.bands]]
route = "small"
below = 900.0

[[routing.bands]]
route = "large"

[routing]
scale = 60.0
"""
LIGHTGBM = '[model]\nlabels = ["high", "low", "middle"]\n'
TEXT = f"""
[model]
labels = ["card", "login", "transfer"]

[[inputs]]
kind = "text"
field = "question"
label = "question of the customer"
words = {json.dumps(foreign.WORDS)}

[reference.values]
question = "card lost"
"""

Cases = Callable[[int, int], Iterator[dict[str, Any]]]
MODELS: dict[str, tuple[str, Cases, str, tuple[str, ...], set[str]]] = {
    "zipmap": ("", foreign.loans, "bad", foreign.NUMBERS, {"approve"}),
    "xgboost": ("", foreign.loans, "bad", foreign.NUMBERS, {"approve"}),
    "lightgbm": (LIGHTGBM, foreign.levels, "level", foreign.NUMBERS, {"low", "middle", "high"}),
    "regression": (REGRESSION, foreign.claims, "cost", foreign.NUMBERS, {"small", "large"}),
    "text": (TEXT, foreign.questions, "topic", ("question",), {"card", "login", "transfer"}),
}
WORKFLOW = """
document: { dsl: 1.0.3, namespace: test, name: ask, version: 1.0.0 }
do:
  - ask: { call: decide, with: { model: NAME } }
"""


class Site:
    """A site folder without a running Exlify, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"EXLIFY_SITE_DIR": str(folder), "EXLIFY_DATA_DIR": str(folder / "data")}

    def run(self, *arguments: object) -> Result:
        return CliRunner().invoke(group, [str(each) for each in arguments], env=self.environ)

    def json(self, *arguments: object, code: int = 0) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output + repr(result.exception)
        return json.loads(result.stdout)

    def refused(self, *arguments: object) -> str:
        result = self.run(*arguments)
        assert isinstance(result.exception, ExlifyError), result.output + repr(result.exception)
        (line,) = result.exception.lines
        return line

    def decided(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        (self.folder / "ask.yaml").write_text(WORKFLOW.replace("NAME", name))
        report = self.json("run", self.folder / "ask.yaml", "--input", json.dumps(values))
        output: dict[str, Any] = report["output"]
        return output

    def add(self, kind: str, name: str, *more: str) -> Any:
        draft, cases, _, columns, _ = MODELS[kind]
        brought = self.folder / f"brought-{name}"
        brought.mkdir(exist_ok=True)
        shutil.copy(foreign.FOLDER / f"{kind}.onnx", brought / "model.onnx")
        (brought / "card.toml").write_text(draft)
        rows = foreign.write(self.folder / f"{name}.csv", cases(2, 400), columns)
        return self.json("models", "add", brought, "--name", name, "--rows", rows, *more)

    def certify(self, kind: str, name: str, *more: str, code: int = 0) -> Any:
        rows = foreign.write(self.folder / "labelled.csv", MODELS[kind][1](3, 1_500))
        return self.json(
            "models", "certify", name, "--data", rows, "--label", MODELS[kind][2], "--target", "0.1", *more, code=code
        )
