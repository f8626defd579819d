"""`exlify up` before anything runs: what it asks, what it refuses and names, and what commands say meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.local.datafolder import DataFolder
from streams.catalogue import load_settings
from streams.cli import group, up
from streams.cli._sharing import not_shared
from streams.gateway.webhooks import fresh_secret
from streams.ground.errors import UnavailableError, UsageError
from streams.ground.settings import Settings
from tests.support.commands import exlify


def start(folder: Path, *options: str, **environ: str) -> Result:
    """`exlify up` on a Kafka that is nowhere: all that comes before is real."""
    away = {"EXLIFY_BOOTSTRAP": "127.0.0.1:1", "EXLIFY_REGISTRY_URL": "none", "EXLIFY_GATEWAY_PORT": "0"}
    return CliRunner(env={**away, "EXLIFY_DATA_DIR": str(folder), **environ}).invoke(group, ["up", *options])


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "OUTSIDE_ANSWERS_S", 0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in which something ran."""
    data = DataFolder(tmp_path / "data")
    with data.occupied():
        (data.path / "kafka").mkdir()
    return data.path


URL, SECRET = {"EXLIFY_VIEW_URL": "postgresql://x/y"}, {"EXLIFY_HOOK_APPLICATIONS_SECRET": fresh_secret()}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ["EXLIFY_VIEW_URL", "EXLIFY_HOOK_APPLICATIONS_SECRET"]),
        (URL, ["EXLIFY_HOOK_APPLICATIONS_SECRET"]),
        (SECRET, ["EXLIFY_VIEW_URL"]),
        (URL | SECRET, []),
    ],
)
def test_what_systems_on_one_kafka_share_is_named(given: dict[str, str], named: list[str]) -> None:
    for others in (0, 2):
        lines = not_shared(load_settings({"EXLIFY_BOOTSTRAP": "k:9", **given}), others)
        assert [line.split()[0] for line in lines[1:]] == named
        assert not lines or lines[0].startswith("!") is (others > 0)
    assert not_shared(load_settings({}), 0) == []


def test_kafka_that_does_not_answer_is_named_with_its_setting(folder: Path) -> None:
    done = start(folder)
    assert done.output.splitlines()[0] == "exlify   | starting"
    assert isinstance(done.exception, UnavailableError)
    assert "127.0.0.1:1 does not answer" in str(done.exception) and "EXLIFY_BOOTSTRAP" in str(done.exception)


def test_folder_is_not_emptied_without_a_word(folder: Path) -> None:
    done = start(folder, "--fresh")
    assert isinstance(done.exception, UsageError) and "--yes" in str(done.exception)
    assert (folder / "kafka").exists()


def test_folder_is_emptied_with_one(folder: Path) -> None:
    assert isinstance(start(folder, "--fresh", "--yes").exception, UnavailableError)
    assert not (folder / "kafka").exists()


def test_empty_folder_needs_no_word(tmp_path: Path) -> None:
    assert isinstance(start(tmp_path / "new", "--fresh").exception, UnavailableError)


def test_commands_say_that_the_system_is_starting(folder: Path) -> None:
    with DataFolder(folder).occupied():
        told = exlify("list", EXLIFY_DATA_DIR=str(folder))
    assert told.returncode == 69 and "is starting (process" in told.stderr
    assert "start it with `exlify up`" in exlify("list", EXLIFY_DATA_DIR=str(folder)).stderr


def test_sample_systems_come_again_with_what_they_hold(folder: Path) -> None:
    data = DataFolder(folder)
    assert not up._comes_again(data, demo=False)
    (folder / "sandbox").mkdir()
    assert up._comes_again(data, demo=False)
    names = [each.name for each in up._infrastructure(Settings(data_dir=folder), data, [], sandbox=True).children]
    assert names == ["sandbox"]
