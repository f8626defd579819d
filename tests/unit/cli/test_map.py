"""`exlify map`: a mapping file tried, checked and drafted, and the same file as a step of a workflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import group
from streams.files.declared import read_files
from streams.ground.errors import UsageError
from streams.ground.site import Site

MAPPING = """
from: schemas/order.json
to: schemas/erp.json
fields:
  Order.Number: .number
  Order.Date: {from: .ordered, date: dd.MM.yyyy}
  Order.Line:
    each: .lines
    fields:
      Sku: .sku
      Price: {from: .price, decimal: {mark: ',', places: 2}}
tests:
  - name: an order of one line
    input: {number: '7', ordered: 24.12.2026, lines: [{sku: A, price: '1,5'}]}
    output: {Order: {Number: '7', Date: 2026-12-24, Line: [{Sku: A, Price: '1.50'}]}}
"""
TEXT = {"type": "string"}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


ORDER = an_object(
    number=TEXT, ordered=TEXT, lines={"type": "array", "items": an_object(sku=TEXT, price=TEXT)}
)  # as it comes
ERP = an_object(
    Order=an_object(Number=TEXT, Date=TEXT, Line={"type": "array", "items": an_object(Sku=TEXT, Price=TEXT)})
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for folder in ("mappings", "schemas"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mappings" / "order.yaml").write_text(MAPPING)
    (tmp_path / "schemas" / "order.json").write_text(json.dumps(ORDER))
    (tmp_path / "schemas" / "erp.json").write_text(json.dumps(ERP))
    return tmp_path


def exlify(site: Path, *arguments: object, stdin: str | None = None) -> Result:
    environ = {"EXLIFY_SITE_DIR": str(site), "EXLIFY_DATA_DIR": str(site / "data")}
    return CliRunner(env=environ).invoke(group, [str(each) for each in arguments], input=stdin)


GIVEN = {"number": "8", "ordered": "01.02.2027", "lines": [{"sku": "B", "price": "12,00"}]}
MAPPED = {"Order": {"Number": "8", "Date": "2027-02-01", "Line": [{"Sku": "B", "Price": "12.00"}]}}


def test_a_document_is_mapped(site: Path) -> None:
    told = exlify(site, "map", site / "mappings/order.yaml", "--input", "-", stdin=json.dumps(GIVEN))
    assert (told.exit_code, json.loads(told.output)) == (0, MAPPED)


def test_records_are_mapped_one_by_one_and_broken_ones_told(site: Path) -> None:
    (site / "mappings" / "flat.yaml").write_text("fields: {'@nr': .nr, sum: {from: .sum, decimal: {mark: ','}}}")
    (site / "in.csv").write_text("nr;sum\n1;1,50\n2\n3;x\n4;2,00\n")
    reads, writes = "{type: csv, header: true, delimiter: ';'}", "{type: xml, record: o, root: all}"
    told = exlify(
        site, "map", site / "mappings/flat.yaml", "--input", site / "in.csv", "--reads", reads, "--writes", writes
    )
    assert told.exit_code == 1
    assert '<o nr="1"><sum>1.50</sum></o>\n<o nr="4"><sum>2.00</sum></o>\n</all>' in told.stdout
    assert told.stderr.splitlines() == [
        "line 3: 1 fields, and 2 are expected",
        "line 4: field sum: it is no decimal number",
    ]


def test_all_mappings_of_the_site_are_checked(site: Path) -> None:
    told = exlify(site, "map", "check")
    assert (told.exit_code, told.output) == (0, f"{site}/mappings/order.yaml: 1 tests pass\n")
    (site / "mappings" / "order.yaml").write_text(MAPPING.replace(".number", ".nr"))
    told = exlify(site, "map", "check")
    assert told.exit_code == 2
    assert "order.yaml:5:17: the input has no .nr by its schema. Remedy: " in told.output


def test_a_test_that_fails_is_a_fault(site: Path) -> None:
    (site / "mappings" / "order.yaml").write_text(MAPPING.replace("'1.50'", "'1.5'"))
    told = exlify(site, "map", "check")
    assert told.exit_code == 2
    assert "another output: .Order.Line[0].Price is '1.50', not '1.5'" in told.output


def test_a_draft_pairs_what_is_called_alike_and_marks_what_is_doubtful(site: Path) -> None:
    told = exlify(site, "map", "suggest", site / "schemas/order.json", site / "schemas/erp.json")
    assert told.exit_code == 0, told.output
    (site / "mappings" / "order.yaml").write_text(told.output)
    assert exlify(site, "map", "check").exit_code == 0
    lines = [line.strip() for line in told.output.splitlines()]
    assert "Order.Number: .number" in lines
    assert "each: .lines" in lines
    assert "Sku: .sku" in lines and "Price: .price" in lines
    (date,) = (line for line in lines if line.startswith("Order.Date: .ordered"))
    assert date.startswith("Order.Date: .ordered")


def test_what_no_field_is_called_like_is_doubtful(site: Path) -> None:
    (site / "schemas" / "erp.json").write_text(json.dumps(an_object(Number={"type": "integer"}, Colour=TEXT)))
    told = exlify(site, "map", "suggest", site / "schemas/order.json", site / "schemas/erp.json")
    assert "  Number: {from: .number, type: integer}  # doubtful: string becomes integer" in told.output
    assert "  Colour: {value: null}  # doubtful: nothing of the input is called like it" in told.output


WORKFLOW = """
document: {dsl: '1.0.3', namespace: test, name: mapped, version: '1.0.0'}
do:
  - map:
      call: mapping
      with: {name: order, input: '${ . }'}
"""


def test_a_step_maps_as_the_file_says(site: Path) -> None:
    (site / "flow.yaml").write_text(WORKFLOW)
    told = exlify(site, "run", site / "flow.yaml", "--input", json.dumps(GIVEN))
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["output"] == MAPPED
    wrong = exlify(site, "run", site / "flow.yaml", "--input", "{}")
    assert "field Order.Number: .number is missing" in wrong.output
    (site / "mappings" / "order.yaml").unlink()
    assert (
        "there is no mapping order; write mappings/order.yaml in the site folder"
        in exlify(site, "run", site / "flow.yaml", "--input", "{}").output
    )


def test_a_wrong_format_is_refused(site: Path) -> None:
    told = exlify(site, "map", site / "mappings/order.yaml", "--input", "-", "--reads", "yaml", stdin="")
    assert isinstance(told.exception, UsageError)
    assert str(told.exception).startswith("--reads.type: no such format. Remedy: write csv, fixed,")


def test_the_example_of_the_guide_passes_its_own_tests(site: Path) -> None:
    guide = (Path(__file__).parents[3] / "connectors" / "README.md").read_text()
    example = guide.partition("# mappings/order-to-erp.yaml\n")[2].partition("```")[0]
    (site / "mappings" / "order.yaml").write_text(example)
    for name in ("order", "erp-order"):
        (site / "schemas" / f"{name}.json").write_text("{}")
    told = exlify(site, "map", "check")
    assert told.output == f"{site}/mappings/order.yaml: 1 tests pass\n"


def test_the_bundled_nightly_file_is_in_order(tmp_path: Path) -> None:
    folder = Path(__file__).parents[3] / "streams" / "workflows" / "nightly"
    told = exlify(tmp_path, "map", "check", *sorted((folder / "mappings").iterdir()))
    assert (told.exit_code, told.output.endswith("2 tests pass\n")) == (0, True)
    assert exlify(tmp_path, "lint", folder / "nightly-orders.yaml").exit_code == 0
    assert list(Site(folder).file("files.yaml", read_files).value) == ["nightly-orders"]
