"""The guide "Your own model in ten minutes", followed to the letter, with a model that the project does not ship."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner

from streams.cli import group
from tests.support import foreign

GUIDE = (Path(__file__).parents[3] / "models" / "your-own-model.md").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_guide_leads_from_a_file_to_decisions_that_need_no_person(folder: Path) -> None:
    shutil.copy(foreign.FOLDER / "zipmap.onnx", folder / "loans.onnx")
    foreign.write(folder / "training.csv", foreign.loans(1, 1_000))
    foreign.write(folder / "labelled.csv", foreign.loans(7, 1_500))
    (folder / "assess.yaml").write_text("".join(re.findall(r"```yaml\n(.*?)```", GUIDE, re.S)))
    answers = []
    for line in "".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.S)).splitlines():
        _, *arguments = shlex.split(line)
        result = CliRunner().invoke(group, arguments, env={"EXLIFY_DATA_DIR": str(folder / "data")})
        assert result.exit_code == 0, f"{line}\n{result.output}{result.exception!r}"
        answers.append(result.stdout)
        if arguments[:2] == ["models", "init"]:
            _name_trainer(folder / "trainers" / "loans" / "card.toml")
    runs = [answer for answer in answers if '"route"' in answer]
    assert ['"approve"' in each for each in runs] == [False, True]
    assert '"NO_CERTIFICATE"' in runs[0] and "NO_CERTIFICATE" not in runs[1]
    told = {line.split()[1]: line for line in answers[-1].splitlines() if line.startswith("loans")}
    assert "active" in told["2"] and "below" in told["2"]


def _name_trainer(card: Path) -> None:
    """Another one than that to start from, which needs packages that are not here: `make training` tries that one."""
    here = Path(__file__).parents[3]
    trainer = ["env", f"PYTHONPATH={here}", sys.executable, "-m", "tests.support.trainer"]
    card.write_text(tomli_w.dumps({**tomllib.loads(card.read_text()), "learning": {"trainer": trainer}}))
