"""What the pages say exists: links, targets, commands, versions and attributions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from streams.cli import SUMMARIES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = ("README.md", "CHANGELOG.md", "connectors/README.md", "streams/language/PROFILE.md")
CARDS = sorted((ROOT / "models" / "registry").glob("*/*/card.toml"))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_within_the_project_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", (ROOT / page).read_text())
    assert [link for link in links if not _leads_somewhere((ROOT / page).parent, link)] == []


def test_readme_names_only_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join(re.findall(r"`[^`]+`|^```sh$.*?^```$", README, re.MULTILINE | re.DOTALL))
    named = set(re.findall(r"\bmake ([a-z]+)\b", code))
    assert named
    assert named <= targets


def test_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"(?:^|[`(])exlify ([a-z]+)", README, re.MULTILINE))
    assert {"up", "publish", "tasks"} <= named <= set(SUMMARIES)


def test_readme_shows_every_folder_of_the_layout() -> None:
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    shown = set(re.findall(r"^(\w+)/ {2,}", README, re.MULTILINE))
    assert shown == {*folders["packages"], "tests"}


def test_changelog_tells_of_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.parent.parent.name)
def test_notice_names_the_data_of_every_model(card: Path) -> None:
    data = tomllib.loads(card.read_text())["data"]
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    assert data["reference"] in notice
    assert data["licence"].split(",")[0] in notice


def _leads_somewhere(folder: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = folder / path
    if not anchor or not target.is_file():
        return target.exists()
    titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
