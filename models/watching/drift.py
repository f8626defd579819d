"""Whether the cases of a model are still those of before: a histogram of each field and of the score, block by block.

The first `BLOCK` decisions that a version meets are the reference; each later block is compared with it by the
population stability index

    PSI = sum over bins of (share now - share before) * ln(share now / share before)

with half a case added to each bin. Above `LARGE`, which is the usual mark, a field has moved. Bins are the same for all
data and hold no value: numbers fall into halves of powers of two, texts into a few hashes. Drift is no harm by itself;
it is a reason to look more often (`streams.processors.monitor`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

BLOCK: Final = 1_000
LARGE: Final = 0.25
SCORE: Final = "(score)"
SCORE_BINS: Final = 20
TEXT_BINS: Final = 32
MAX_FIELDS: Final = 64
RARE: Final = 0.02  # bins that have less than this of both blocks are one

Histograms = dict[str, dict[str, int]]  # by field, by bin


class Blocks(msgspec.Struct):
    """What is known of the cases of a version."""

    cases: int = 0  # of the block that is being filled
    reference: Histograms | None = None
    now: Histograms = {}
    moved: dict[str, float] = {}  # fields that had moved in the last whole block, with their index


def noted(blocks: Blocks, values: Mapping[str, Any], score: float) -> bool:
    """Takes one more case in; says whether a block is whole with it."""
    _count(blocks.now, SCORE, str(min(max(int(score * SCORE_BINS), -1), SCORE_BINS)))
    for field in sorted(values)[:MAX_FIELDS]:
        _count(blocks.now, field, bin_of(values[field]))
    blocks.cases += 1
    if blocks.cases < BLOCK:
        return False
    if blocks.reference is None:
        blocks.reference = blocks.now
    else:
        indices = {field: psi(blocks.reference.get(field, {}), blocks.now.get(field, {})) for field in blocks.reference}
        blocks.moved = {field: round(index, 3) for field, index in indices.items() if index > LARGE}
    blocks.cases, blocks.now = 0, {}
    return True


def psi(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """The population stability index of two histograms; rare bins are counted together."""
    totals = sum(before.values()), sum(now.values())
    if not all(totals):
        return 0.0 if totals == (0, 0) else math.inf
    kept = [each for each in {*before, *now} if max(before.get(each, 0), now.get(each, 0)) >= RARE * min(totals)]
    counts = [(before.get(each, 0), now.get(each, 0)) for each in sorted(kept)]
    rest = (totals[0] - sum(pair[0] for pair in counts), totals[1] - sum(pair[1] for pair in counts))
    bins = [*counts, rest]
    shares = [tuple((pair[side] + 0.5) / (totals[side] + 0.5 * len(bins)) for side in (0, 1)) for pair in bins]
    return sum((after - first) * math.log(after / first) for first, after in shares)


def bin_of(value: Any) -> str:
    """The bin that a value falls into."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        if value == 0 or not math.isfinite(value):
            return str(value)
        fraction, power = math.frexp(value)
        return f"{'-' if value < 0 else ''}{power}{'b' if abs(fraction) >= 0.75 else 'a'}"
    return f"t{int.from_bytes(blake2b(str(value).encode(errors='replace'), digest_size=2).digest()) % TEXT_BINS}"


def _count(histograms: Histograms, field: str, where: str) -> None:
    counted = histograms.setdefault(field, {})
    counted[where] = counted.get(where, 0) + 1
