"""The pages of the layers tell the truth: their examples lint and run, their tables are those of the code."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from connectors.codecs import xml_mapping
from schemas.functions import EffectClass
from schemas.reasons import MEANINGS, Reason
from tests.support.definitions import check

ROOT = Path(__file__).parents[2]
PAGES = sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("*/README.md"))
HUB = (ROOT / "connectors" / "README.md").read_text()
NO_REASONS_OF_CALLS = {
    Reason.OK, Reason.LIMIT_EXCEEDED, Reason.CANCELLED, Reason.WITHDRAWN, Reason.BUDGET_EXHAUSTED, Reason.TASK_CLOSED,
    Reason.STALE_VERSION, Reason.UNKNOWN_OUTCOME, Reason.UNKNOWN_ACTION, Reason.DATA_INVALID,
}  # fmt: skip


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language, without the indentation of the list that they stand in."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


@pytest.mark.parametrize("page", PAGES)
def test_definitions_on_the_page_have_no_faults(page: str) -> None:
    definitions = [block for block in blocks((ROOT / page).read_text(), "yaml") if block.startswith("document:")]
    assert [str(fault) for block in definitions for fault in check(block)] == []


@pytest.mark.parametrize("page", PAGES)
def test_other_yaml_on_the_page_names_its_file(page: str) -> None:
    others = [block for block in blocks((ROOT / page).read_text(), "yaml") if not block.startswith("document:")]
    assert all(re.match(r"# [\w./-]+\.yaml\n", block) and _mapping(block) for block in others)


@pytest.mark.parametrize("page", PAGES)
def test_files_that_the_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:connectors|models|schemas|streams|tests)/[\w./-]*)`", (ROOT / page).read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_connections_on_the_page_are_names_and_addresses() -> None:
    (example,) = [_mapping(block) for block in blocks(HUB, "yaml") if block.startswith("# connections.yaml")]
    assert all(re.fullmatch(r"[\w+]+://.*", address) for address in example.values())


def test_python_on_the_page_stands_in_the_notebook() -> None:
    notebook = (ROOT / "tests" / "support" / "notebook.py").read_text()
    shown = blocks(HUB, "python")
    assert shown
    assert [block for block in shown if block not in notebook and textwrap.indent(block, "    ") not in notebook] == []


def test_table_of_reasons_is_that_of_the_code() -> None:
    rows = [
        f"| `{reason}` | {row.title} | {row.type.rpartition('/')[2]} | {row.status} | {row.advice} |"
        for reason, row in MEANINGS.items()
        if reason not in NO_REASONS_OF_CALLS
    ]
    assert re.findall(r"^\| `[A-Z_]+` \|.*$", HUB, re.MULTILINE) == rows
    assert all(f"`{reason}`" in HUB for reason in NO_REASONS_OF_CALLS - {Reason.OK})


def test_table_of_effect_classes_has_them_all() -> None:
    assert re.findall(r"^\| `([a-z]+)` \|", HUB, re.MULTILINE) == [*EffectClass]


def test_xml_on_the_page_is_what_the_mapping_makes() -> None:
    (sent,), (document,) = blocks(HUB, "json"), blocks(HUB, "xml")
    value = orjson.loads(sent)
    answer = xml_mapping.read(document.encode())
    assert xml_mapping.read(xml_mapping.write(value)) == answer
    value["account"]["limit"]["#text"] = "500"
    assert answer == value


def _mapping(block: str) -> Any:
    found = YAML(typ="safe").load(block)
    return found if isinstance(found, dict) else None
