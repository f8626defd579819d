"""The pages of the layers tell the truth: their examples lint and run, their tables are those of the code."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from random import Random
from typing import Any

import confluent_kafka
import msgspec
import orjson
import pytest
from ruamel.yaml import YAML

from connectors.codecs import xml_mapping
from infra.sandbox.faults import Order
from infra.sandbox.server import NAMES
from schemas.business import EventTypes
from schemas.codec import Codec
from schemas.functions import EffectClass
from schemas.reasons import MEANINGS, Reason
from streams import catalogue
from streams.gateway.hooks import Hooks
from streams.gateway.webhooks import fresh_secret
from streams.ground.setting import specs
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.ground.site_yaml import read
from streams.processors.decide.tables import read_rules
from streams.processors.orchestrate import outcome
from tests.recipes.page import recipes
from tests.reference.inbox import INSTANCE, Inbox
from tests.reference.interpreter import Answer, Calls
from tests.support.definitions import check, load
from tests.support.offered import offered, written

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("[a-z]*/README.md")), "CONTRIBUTING.md"]
COMMANDED = PAGES[:-1]  # the recipes make commands
HUB, JOURNEY, MODELS, INFRA, TESTS = (
    (ROOT / layer / "README.md").read_text() for layer in ("connectors", "streams", "models", "infra", "tests")
)
NO_REASONS_OF_CALLS = {
    Reason.OK, Reason.LIMIT_EXCEEDED, Reason.CANCELLED, Reason.WITHDRAWN, Reason.BUDGET_EXHAUSTED, Reason.TASK_CLOSED,
    Reason.TASK_CLAIMED, Reason.STALE_VERSION, Reason.UNKNOWN_OUTCOME, Reason.UNKNOWN_ACTION, Reason.DATA_INVALID,
    Reason.UNDO_MISSING, Reason.STEP_FAILED,
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
    if page == "CONTRIBUTING.md":
        return  # its blocks are parts of files, and say of which
    others = [block for block in blocks((ROOT / page).read_text(), "yaml") if not block.startswith("document:")]
    assert all(re.match(r"# [\w./-]+\.yaml\n", block) and _mapping(block) for block in others)


@pytest.mark.parametrize("page", PAGES)
def test_files_that_the_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:connectors|infra|models|schemas|streams|tests)/[\w./-]*)`", (ROOT / page).read_text())
    made = {path for recipe in recipes((ROOT / "CONTRIBUTING.md").read_text()).values() for path in recipe.paths}
    assert [path for path in named if path not in made and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", [*COMMANDED, "README.md", "models/your-own-model.md", "streams/language/PROFILE.md"])
def test_commands_on_the_page_are_offered(page: str) -> None:
    for words in written((ROOT / page).read_text()):
        offered(words)


def test_connections_on_the_page_are_names_and_addresses() -> None:
    examples = [_mapping(block) for block in blocks(HUB, "yaml") if block.startswith("# connections.yaml")]
    given = [each if isinstance(each, str) else each["url"] for example in examples for each in example.values()]
    assert given and all(re.fullmatch(r"[\w+]+://.*", address) for address in given)


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


def test_tables_on_the_page_can_be_read() -> None:
    tables = [block for block in blocks(MODELS, "yaml") if block.startswith("# rules/")]
    assert [found.tests for block in tables if (found := read_rules(read(block, str)))] == [1]


def test_hooks_on_the_page_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = [block for block in blocks(JOURNEY, "yaml") if block.startswith("# hooks.yaml")]
    (tmp_path / "hooks.yaml").write_text(example)
    monkeypatch.setenv("ORDERS_HOOK", fresh_secret())
    hook = Hooks(Settings(data_dir=tmp_path, site_dir=tmp_path), Site(tmp_path))["orders"]
    assert (hook.type, hook.source, hook.subject) == ("com.example.order-placed.v1", "/hooks/orders", "/order/number")


def test_event_that_the_page_produces_is_one_that_intake_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    produced: list[tuple[str, bytes, list[tuple[str, bytes]]]] = []

    class Producer:
        def __init__(self, config: dict[str, str]) -> None:
            assert config["partitioner"] == "murmur2_random"  # what every other client does with a key

        def produce(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> None:
            produced.append((topic, value, headers))

        def flush(self) -> None:
            assert produced

    monkeypatch.setattr(confluent_kafka, "Producer", Producer)
    monkeypatch.chdir(ROOT)
    exec(blocks(JOURNEY, "python")[0], {})
    ((topic, value, headers),) = produced
    types = EventTypes.load()
    attributes, data = types.decode_event(Codec.offline(), headers, value)
    assert topic == types.of(attributes["type"]).topic
    assert (attributes["source"], attributes["id"], data) == ("/reception", "guest-17", {"name": "Ada", "visits": 5})


def test_reader_on_the_page_takes_an_outcome_that_stands_twice_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = load("document: {dsl: '1.0.3', namespace: x, name: greeting, version: '1.0.0'}\ndo:\n- a: {set: {b: 1}}\n")
    calls: Calls = lambda *_: Answer()  # noqa: E731  # nothing is called
    ended = outcome.output(Codec.offline(), Inbox(graph, calls, Random(1)).run({}))

    class Message:
        def headers(self) -> list[tuple[str, bytes]]:
            return list(ended.headers)

        def value(self) -> bytes | None:
            return ended.value

    class Consumer:
        def __init__(self, config: dict[str, Any]) -> None:
            self.left: list[Message | None] = [Message(), Message(), None]

        def subscribe(self, topics: list[str]) -> None:
            assert topics == [ended.topic.name]

        def poll(self, seconds: float) -> Message | None:
            return self.left.pop(0)

        def commit(self, message: Message) -> None:
            pass

    monkeypatch.setattr(confluent_kafka, "Consumer", Consumer)
    exec(blocks(JOURNEY, "python")[1], {})
    assert capsys.readouterr().out.splitlines() == [f"{INSTANCE} completed {{'b': 1}}"]


def test_certificate_on_the_page_is_one() -> None:
    exec(blocks(MODELS, "python")[0], {})


def test_fault_on_the_page_can_be_ordered() -> None:
    order = msgspec.json.decode(blocks(INFRA, "json")[0], type=Order)
    assert order.system in NAMES


def test_page_names_every_process_of_a_local_system() -> None:
    named = set(re.findall(r"^\| \d \| `(\w+)` \|", INFRA, re.MULTILINE))
    assert named == {"kafka", "registry", "sandbox", "gateway", "demo", "prometheus", *catalogue.workers()}


def test_page_names_every_folder_of_tests() -> None:
    named = set(re.findall(r"^\| `tests/(\w+)/` \|", TESTS, re.MULTILINE))
    assert named == {path.name for path in (ROOT / "tests").iterdir() if any(path.rglob("*.py"))}


def test_variables_on_the_pages_are_settings() -> None:
    known = {spec.variable for group in catalogue.GROUPS for spec in specs(group).values()}
    named = {name for page in (JOURNEY, MODELS, INFRA) for name in re.findall(r"`(EXLIFY_[A-Z_<>]+)`", page)}
    assert named <= known


def test_metrics_on_the_pages_are_declared() -> None:
    known = {
        family.name + ("_total" if family.type == "counter" else "")
        for metric in catalogue.METRICS
        for family in metric.describe()
    }
    assert set(re.findall(r"`(exlify_\w+)`", JOURNEY)) <= known


def _mapping(block: str) -> Any:
    found = YAML(typ="safe").load(block)
    return found if isinstance(found, dict) else None
