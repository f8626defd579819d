"""Models on a real broker: a change reaches everybody who follows, in order, and commands change what decides."""

from __future__ import annotations

import asyncio
import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.codec import Codec
from streams.cli import group
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors import decide
from streams.processors.decide.states import ModelFeed
from tests.support.model_folders import models_folder

pytestmark = pytest.mark.broker


async def test_commands_change_what_everybody_goes_by(kafka: str, tmp_path: Path) -> None:
    name = f"risk-{uuid.uuid4().hex[:8]}"
    folder = models_folder(tmp_path / "models", name)
    environ = {
        "EXLIFY_BOOTSTRAP": kafka,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_SITE_DIR": str(tmp_path),
        "EXLIFY_DATA_DIR": str(tmp_path / "data"),
    }
    settings = Settings(bootstrap=kafka, site_dir=tmp_path)
    await provision(settings, [decide.STATES])
    feed = ModelFeed(settings, Codec.offline())
    await feed.start()

    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(group, ["models", *arguments, "--json"], env=environ)
        assert result.exit_code == 0, result.output + repr(result.exception)
        return json.loads(result.stdout)

    shutil.copytree(folder / name / "1", folder / name / "2")
    card = folder / name / "2" / "card.toml"
    card.write_text(card.read_text().replace('version = "1"', 'version = "2"', 1))
    try:
        steps = (("activate", f"{name}@2"), ("suspend", name), ("resume", name), ("rollback", name))
        for arguments in (*steps, ("canary", f"{name}@2", "--share", "10"), ("audit", name, "--share", "3")):
            assert (await asyncio.to_thread(run, *arguments))["published"]
        await feed.start()
        found = [(each.version, each.state) for each in feed.history(name)]
        assert found == [("1", "active"), ("2", "active"), ("2", "suspended"), ("2", "active"), *[("1", "active")] * 3]
        rival = feed.active[name].rival
        assert (feed.active[name].version, rival and (rival.version, rival.share)) == ("1", ("2", 10))
        told = await asyncio.to_thread(run, "history", name)
        assert [each["version"] for each in told] == ["1", "2", "2", "2", "1", "1", "1"]
        shown = await asyncio.to_thread(CliRunner().invoke, group, ["models", "history", name], env=environ)
        audited = [line for line in shown.stdout.splitlines() if " 3 % " in line]
        assert "AUDITED" in shown.stdout and len(audited) == 1 and "2, 10 %" in audited[0], shown.stdout
    finally:
        await feed.close()
