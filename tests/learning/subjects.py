"""Models that learn in the loop: the bundled one of marketing response, and one of others on the same calls.

Both are trained on the oldest 40 % of the calls and certified on the next 20 %; the others are the future.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from models.decisions.marketing_response.data import COLUMNS, Data, declared_inputs
from models.making.drafting import as_toml
from models.serving.features import Number
from models.serving.shelf import BUNDLED
from tests.acceptance.cases import ROOT
from tests.support import trainer

SKIP, SOLD = "skip", "sold"
TRAIN, CERTIFY, TARGET = 0.4, 0.6, 0.08  # as the bundled model has it
BUNDLED_NAME, FOREIGN_NAME = "marketing-response", "calls-of-others"
TRAINER = ROOT / ".venv-train" / "bin" / "python"
NUMBERS = tuple(each for each in declared_inputs() if isinstance(each, Number))


def truth(sold: bool) -> str:
    """The route that would have been right."""
    return SOLD if sold else SKIP


def learning(command: Sequence[str], labels: int, promote_after: int, target: float) -> dict[str, Any]:
    """The section of a card."""
    return {
        "trainer": ["env", f"PYTHONPATH={ROOT}", *command],
        "labels": labels,
        "test_share": 0.4,
        "target": target,
        "promote_after": promote_after,
    }


def bundled(site: Path, by: dict[str, Any]) -> None:
    """Puts the bundled version into a site, with a card that says how it learns; so it has to be certified anew."""
    place = site / "models" / BUNDLED_NAME / "1"
    shutil.copytree(BUNDLED / BUNDLED_NAME / "1", place)
    (place / "certificate.toml").unlink()
    with (place / "card.toml").open("a") as card:
        card.write("\n" + tomli_w.dumps({"learning": by}))


def foreign(site: Path, data: Data, by: dict[str, Any]) -> tuple[str, ...]:
    """Makes a logistic regression of the numbers alone, as others would; gives the command that adds it to the site."""
    brought, count = site / "brought", int(TRAIN * len(data.bad))
    brought.mkdir()
    rows = written(brought / "rows.csv", data.requests[:count], data.bad[:count].tolist())
    trainer.main(rows, brought, fields(), SKIP)
    card = {"routing": {"route": SKIP, "cost_bad": 2.0, "cost_review": 1.0}, **of_others()}
    (brought / "card.toml").write_text(tomli_w.dumps({**card, "learning": by}))
    (site / "known.toml").write_text(tomli_w.dumps(of_others()))
    return ("models", "add", str(brought), "--name", FOREIGN_NAME, "--rows", str(rows))


def foreign_trainer(site: Path) -> tuple[str, ...]:
    """The command that trains it again."""
    told = ("--fields", ",".join(fields()), "--route", SKIP, "--card", str(site / "known.toml"))
    return (sys.executable, "-m", "tests.support.trainer", *told)


def of_others() -> dict[str, Any]:
    """What others know of their model: ranges that can come, and that its numbers need not be like those before."""
    return {"inputs": [as_toml(each) for each in NUMBERS], "together": []}


def fields() -> tuple[str, ...]:
    """What it reads."""
    return tuple(each.field for each in NUMBERS)


def written(path: Path, cases: Iterable[Mapping[str, Any]], sold: Iterable[bool]) -> Path:
    """Labelled rows, of which all were looked at."""
    names = [each.field for each in COLUMNS]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*names, "label", "inclusion_probability"])
        writer.writeheader()
        for case, bad in zip(cases, sold, strict=True):
            writer.writerow({**case, "label": truth(bad), "inclusion_probability": 1})
    return path
