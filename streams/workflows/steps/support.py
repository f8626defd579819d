"""The step of support routing that is written in Python: how a text sounds, by a lexicon, and the cues in it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from streams.steps import step

MAX_TEXT = 5_000  # characters that are looked at: what the lexicon's rules cost grows faster than the text
NEGATIVE, ANGRY = -0.2, -0.6  # of the lexicon's compound score, from -1 to 1
CUES = {
    "now": r"\b(urgent\w*|immediate\w*|emergency|asap|right (now|away)|at once)\b",
    "stranded": r"\b(stranded|stuck (abroad|here|at)|abroad|no (cash|money) left)\b",
    "theft": r"\b(stolen|stole|theft|thief|robbed|hacked|fraud\w*|scam\w*|compromised)\b",
    "again": r"\b(again|still|third time|second time|already (called|wrote|asked))\b",
}
_FOUND = {cue: re.compile(pattern, re.IGNORECASE) for cue, pattern in CUES.items()}


@step("support.tone", effect="pure")
def tone(text: str) -> dict[str, Any]:
    """How a text sounds (`angry`, `negative`, `neutral`, `positive`) and what speaks for haste."""
    read = text[:MAX_TEXT]
    compound = float(_lexicon().polarity_scores(read)["compound"])
    return {
        "sentiment": compound,
        "tone": _tone(compound),
        "cues": sorted(cue for cue, pattern in _FOUND.items() if pattern.search(read)),
    }


def _tone(compound: float) -> str:
    if compound <= ANGRY:
        return "angry"
    if compound <= NEGATIVE:
        return "negative"
    return "positive" if compound >= -NEGATIVE else "neutral"


@cache
def _lexicon() -> Any:
    """Read once, when it is first needed."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
