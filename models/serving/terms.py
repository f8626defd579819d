"""The terms of a text as models know them: words, two words that follow each other, and a few letters.

    card        a word: a run of letters and digits, in lower case, composed (NFC)
    my card     two words, with a blank between them
    #ard, # my  letters within the words of a text with one blank around each of them

A model lists the terms that it knows; which kinds are looked for follows from that list. What one text costs is
bounded: so many characters are read, and letters come in a few lengths.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from itertools import pairwise

MAX_TEXT = 20_000  # characters that are read of a text
LETTERS = "#"
MAX_LETTERS, MAX_LENGTHS = 6, 3  # of a term of letters, and of how many lengths there are
_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r" ?\w*(?: \w+)* ?")


def words_of(text: str) -> list[str]:
    """The words of a text."""
    return _WORD.findall(unicodedata.normalize("NFC", text[:MAX_TEXT]).lower())


def spaced(words: Collection[str]) -> str:
    """The text whose letters are looked at."""
    return f" {' '.join(words)} "


class Terms:
    """The terms that one input knows, each with its place, counted from `start`."""

    def __init__(self, terms: Collection[str], start: int = 0) -> None:
        numbered = {term: n for n, term in enumerate(terms, start)}
        self._letters = {term[1:]: n for term, n in numbered.items() if term.startswith(LETTERS)}
        whole = {term: n for term, n in numbered.items() if not term.startswith(LETTERS)}
        self._words = {term: n for term, n in whole.items() if " " not in term}
        self._pairs = {term: n for term, n in whole.items() if " " in term}
        self._lengths = sorted({*map(len, self._letters)})

    def places(self, text: str) -> list[int]:
        """The place of each known term, as often as it occurs; none where no word is known, whatever its letters."""
        words, known = words_of(text), self._words
        found = [known[word] for word in words if word in known]
        if found and self._pairs:
            known = self._pairs
            found += [known[pair] for pair in map(" ".join, pairwise(words)) if pair in known]
        if found and self._letters:
            text, known = spaced(words), self._letters
            for length in self._lengths:
                parts = [text[at : at + length] for at in range(len(text) - length + 1)]
                found += [known[part] for part in parts if part in known]
        return found


def terms_fault(terms: Collection[str]) -> str | None:
    """What is wrong with the terms of a card."""
    if not terms or len({*terms}) < len(terms):
        return "no words, or one twice"
    letters = [term[1:] for term in terms if term.startswith(LETTERS)]
    if any(not 1 < len(part) <= MAX_LETTERS or not _holds(part) for part in letters):
        return f"a term of letters that no text holds: {LETTERS} and 2 to {MAX_LETTERS} letters, in lower case"
    if len({*map(len, letters)}) > MAX_LENGTHS:
        return f"letters of more than {MAX_LENGTHS} lengths"
    whole = [term for term in terms if not term.startswith(LETTERS)]
    if not whole or any(len(words_of(term)) > 2 or " ".join(words_of(term)) != term for term in whole):
        return "a word that no text holds: one run of letters and digits, in lower case, or two with a blank between"
    return None


def _holds(part: str) -> bool:
    """Whether a text can hold these letters."""
    return _LETTERS.fullmatch(part) is not None and part == unicodedata.normalize("NFC", part).lower()
