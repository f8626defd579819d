"""Data in words: names, codes of models, and choices of forms that have a title."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.serving.features import Code, Number
from models.serving.registry import FOLDER
from streams.console import told
from streams.console.decision import card_of, inputs_of
from streams.console.forms import data_of, fields_of
from tests.support.consoles import NOW_MS, Console, payload

INPUTS: told.Inputs = {
    "property": Code("property", "property that he owns", ("A121", "A124"), texts={"A124": "none, or not known"}),
    "amount": Number("amount", "amount of the credit", 0, 9),
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=40,
)


def lines(data: Any) -> dict[str, str]:
    return {each.label: each.value for each in told.facts(data, INPUTS)}


def test_fields_are_words_and_codes_are_what_they_mean() -> None:
    data = {
        "property": "A124",
        "amount": 4711,
        "isUrgent": True,
        "applicant": {"given_name": "Ada", "property": "A121"},
    }
    assert lines(data) == {
        "Property that he owns": "none, or not known",
        "Amount of the credit": "4,711",
        "Is urgent": "yes",
        "Applicant, given name": "Ada",
        "Applicant, property that he owns": "A121",  # whose meaning the card does not say
    }


def test_what_is_written_in_capitals_stays_so_behind_what_it_stands_in() -> None:
    found = told.facts({"payer": {"iban": "DE1", "code": "x"}}, {"iban": Number("iban", "IBAN of the payer", 0, 9)})
    assert [each.label for each in found] == ["Payer, IBAN of the payer", "Payer, code"]


def test_lists_say_their_texts_or_how_many_they_are() -> None:
    data = {
        "held": [{"why": "range", "text": "too old"}, {"text": "too new"}],
        "rows": [{"a": 1}, {"a": 2}],
        "tags": [1],
    }
    assert lines(data) == {"Held": "too old; too new", "Rows": "2 entries", "Tags": "1"}


@given(VALUES)
def test_whatever_the_data_is_it_is_told_and_not_without_end(data: Any) -> None:
    found = told.facts(data, INPUTS)
    assert len(found) <= told.MOST and all(isinstance(each.value, str) for each in found)


def test_choices_are_called_by_their_title_or_by_what_a_code_means() -> None:
    schema = {
        "type": "object",
        "properties": {
            "property": {"enum": ["A121", "A124"]},
            "route": {"oneOf": [{"const": 1, "title": "To the branch"}, {"const": 2}]},
            "free": {"oneOf": [{"type": "string"}, {"const": 2}]},
        },
    }
    fields = {each.path[0]: each for each in fields_of(schema, told.texts(INPUTS))}
    assert dict(fields["property"].words) == {'"A124"': "none, or not known"}
    assert (fields["route"].kind, dict(fields["route"].words)) == ("choice", {"1": "To the branch"})
    assert fields["free"].kind == "json"
    assert data_of(tuple(fields.values()), {"data/route": ["1"], "data/property": ['"A124"']}) == {
        "property": "A124", "route": 1,
    }  # fmt: skip


def test_every_code_of_the_bundled_model_has_its_words() -> None:
    card = card_of([FOLDER], "credit-risk", "2")
    assert card is not None and card_of([FOLDER], "credit-risk", "../2") is None
    codes = [each for each in card.inputs if isinstance(each, Code)]
    assert codes and all({*each.texts} == {*each.codes} for each in codes)
    assert told.text("property", "A124", inputs_of(card)) == "none, or not known"


async def test_pages_say_what_the_codes_mean_that_a_model_read(console: Console) -> None:
    console.began()
    console.decided(model_version="2", input=payload({"property": "A124", "purpose": "A43"}))
    console.asked(
        input=payload({"property": "A124", "customerName": "Ada"}), due_ms=NOW_MS + 1,
        form=payload({"type": "object", "properties": {"property": {"enum": ["A121", "A124"]}}}),
    )  # fmt: skip
    for path in ("/inbox", f"/instances/{'ab' * 16}", "/decisions/credit-risk"):
        _, page = await console.get(path)
        shown = page.partition("<pre")[0]
        assert "radio or television" in page and "A43" not in shown, path
    _, page = await console.get("/inbox")
    assert "<dt>Customer name</dt><dd>Ada</dd>" in page and ">none, or not known</option>" in page
