"""What the pages say exists: links, targets, commands, versions and attributions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from streams.cli import SUMMARIES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LAYERS = sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("[a-z]*/README.md"))
PAGES = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "streams/language/PROFILE.md", "streams/steps/README.md",
    "streams/steps/WIRE.md", *LAYERS,
)  # fmt: skip
NEW_IN_A_RECIPE = {"processors"}  # a command that CONTRIBUTING.md shows how to add
CARDS = sorted((ROOT / "models" / "registry").glob("*/*/card.toml"))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_within_the_project_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", (ROOT / page).read_text())
    assert [link for link in links if not _leads_somewhere((ROOT / page).parent, link)] == []


@pytest.mark.parametrize("page", PAGES)
def test_page_names_only_targets_of_the_makefile(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", _code(page))) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_page_names_only_commands_that_exist(page: str) -> None:
    named = set(re.findall(r"(?:^|[`(])exlify ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert named - (NEW_IN_A_RECIPE if page == "CONTRIBUTING.md" else set()) <= set(SUMMARIES)


@pytest.mark.parametrize("page", PAGES)
def test_page_names_only_modules_that_can_be_run(page: str) -> None:
    named = set(re.findall(r"\bpython -m ((?:streams|schemas|connectors|models|infra|tests)[\w.]*)", _code(page)))
    places = {name: ROOT / name.replace(".", "/") for name in named}
    assert [
        name
        for name, place in places.items()
        if not (place.with_suffix(".py").exists() or (place / "__main__.py").exists())
    ] == []


def test_readme_names_commands_at_all() -> None:
    assert {"up", "publish", "tasks"} <= set(re.findall(r"^exlify ([a-z]+)", README, re.MULTILINE))
    assert "make run" in _code("README.md")


def test_first_page_leads_to_every_other() -> None:
    assert [page for page in ("CONTRIBUTING.md", *LAYERS) if f"]({page})" not in README] == []


def test_readme_shows_every_folder_of_the_layout() -> None:
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    shown = set(re.findall(r"^(\w+)/ {2,}", README, re.MULTILINE))
    assert shown == {*folders["packages"], "tests"}


def test_map_shows_the_floors_of_streams_in_their_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (floors,) = [each["layers"] for each in contracts if each["id"] == "streams-in-floors"]
    shown = re.findall(r"^ │ [\w ]{12}(\w+(?: · \w+)*) {2,}", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert shown[: len(floors)] == [floor.replace("|", "·") for floor in floors]


def test_changelog_tells_of_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.parent.parent.name)
def test_notice_names_the_data_of_every_model(card: Path) -> None:
    data = tomllib.loads(card.read_text())["data"]
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    assert data["reference"] in notice
    assert data["licence"].split(",")[0] in notice


def _code(page: str) -> str:
    """What stands in code on a page: in a line, or in a block for a shell."""
    return "\n".join(re.findall(r"`[^`\n]+`|^```sh$.*?^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL))


def _leads_somewhere(folder: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = folder / path
    if not anchor or not target.is_file():
        return target.exists()
    titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
