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
from collections.abc import Collection, Sequence
from itertools import pairwise

MAX_TEXT = 20_000  # characters that are read of a text
LETTERS = "#"
MAX_LETTERS, MAX_LENGTHS = 6, 3  # of a term of letters, and of how many lengths there are
SHORT = 3  # letters: as few reach from one word into the next at most, and there in one way
KEPT, MAX_KEPT = 20_000, 40  # words that are looked at once for the letters in them; characters of such a word
_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r" ?\w*(?: \w+)* ?")


def words_of(text: str) -> list[str]:
    """The words of a text."""
    read = text[:MAX_TEXT]
    return _WORD.findall((read if read.isascii() else unicodedata.normalize("NFC", read)).lower())


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
        self._short = bool(self._lengths) and self._lengths[-1] <= SHORT
        self._kept: dict[str, list[int]] = {}

    def places(self, text: str) -> list[int]:
        """The place of each known term, as often as it occurs; none where no word is known, whatever its letters."""
        words, known = words_of(text), self._words
        found = [known[word] for word in words if word in known]
        if found and self._pairs:
            known = self._pairs
            found += [known[pair] for pair in map(" ".join, pairwise(words)) if pair in known]
        if found and self._letters:
            found += self._few_letters(words) if self._short else self._in(spaced(words))
        return found

    def _in(self, text: str) -> list[int]:
        known = self._letters
        parts = (text[at : at + length] for length in self._lengths for at in range(len(text) - length + 1))
        return [known[part] for part in parts if part in known]

    def _few_letters(self, words: Sequence[str]) -> list[int]:
        """The same of all words, where what lies in a word is known from the last time that it was there."""
        known, kept, found = self._letters, self._kept, list[int]()
        for word in words:
            inside = kept.get(word)
            found += self._inside(word) if inside is None else inside
        over = (f"{one[-1]} {other[0]}" for one, other in pairwise(words))
        return found + [known[part] for part in over if part in known]

    def _inside(self, word: str) -> list[int]:
        found = self._in(spaced([word]))
        if len(word) <= MAX_KEPT:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[word] = found
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
