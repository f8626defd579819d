"""Terms of texts: which are found, in any spelling of the same text, and which a card may name."""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.serving.errors import FeatureError
from models.serving.features import Encoder, Number, Text
from models.serving.terms import MAX_TEXT, Terms, terms_fault

KNOWN = ("card", "my", "café", "my card", "#ard", "#d a", "# my")


def found(text: str, known: tuple[str, ...] = KNOWN) -> dict[str, int] | None:
    """By term, how often it occurs."""
    return {known[place]: number for place, number in Counter(Terms(known).places(text)).items()} or None


def test_words_pairs_and_letters_are_counted() -> None:
    assert found("My card, MY Card!") == {"my": 2, "card": 2, "my card": 2, "#ard": 2, "# my": 2}
    assert found("card\n\n  and") == {"card": 1, "#ard": 1, "#d a": 1}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_letters_are_the_same(form: str) -> None:
    assert found(unicodedata.normalize(form, "Café")) == {"café": 1}  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "   ", "¿?", "hard", "yard ard"])
def test_text_without_a_known_word_is_not_read_whatever_its_letters_are(text: str) -> None:
    assert found(text) is None
    with pytest.raises(FeatureError, match="holds no word that the model knows"):
        Encoder((Text("text", "text", KNOWN),)).encode({"text": text})


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert found("card " * MAX_TEXT) == {"card": MAX_TEXT / 5, "#ard": MAX_TEXT / 5}


def test_terms_stand_beside_other_inputs_in_the_order_of_the_declaration() -> None:
    encoder = Encoder((Text("text", "text", ("card", "my card")), Number("age", "age", 0, 9)))
    assert encoder.encode({"age": 7, "text": "my card, my card"}).tolist() == [[2, 2, 7]]
    read, held = encoder.filled({"age": 7, "text": "yes"})
    assert read is None and [each.field for each in held] == ["text"]


@given(st.text(max_size=60))
def test_whatever_a_text_has_can_be_named_by_a_card(text: str) -> None:
    from models.serving.terms import spaced, words_of

    words = words_of(text)
    letters = spaced(words)
    terms = {*words, *map(" ".join, pairwise(words))}
    terms |= {"#" + letters[at : at + 3] for at in range(len(letters) - 2)} if words else set()
    if words:
        assert terms_fault(tuple(terms)) is None
        assert {*(found(text, tuple(terms)) or {})} == terms


@pytest.mark.parametrize(
    ("terms", "what"),
    [
        ((), "no words"),
        (("a", "a"), "one twice"),
        (("#ard",), "a word that no text holds"),
        (("Card",), "a word that no text holds"),
        (("a b c",), "a word that no text holds"),
        (("a  b",), "a word that no text holds"),
        (("a", "#x"), "a term of letters"),
        (("a", "#ABC"), "a term of letters"),
        (("a", "#a-b"), "a term of letters"),
        (("a", "#a  b"), "a term of letters"),
        (("a", "#abcdefg"), "a term of letters"),
        (("a", "#ab", "#abc", "#abcd", "#abcde"), "more than 3 lengths"),
    ],
)
def test_terms_that_no_text_has_are_refused(terms: tuple[str, ...], what: str) -> None:
    assert what in (terms_fault(terms) or "")
