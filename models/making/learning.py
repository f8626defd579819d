"""What learning from labels goes by: the section `[learning]` of a card, the split in time, a fair sample, the draft.

Labels are rows of `exlify models labels`. Those decided first train; of those decided last a fair sample tests.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from models.making.checking import PARITY_FILE, Checked
from models.making.labelled import GRID_SHARE
from models.making.rows import Rows
from models.serving.card import REVIEW
from models.serving.certify import STARTS

LABEL, DECIDED = "label", "decided_at"
NEEDED = (LABEL, DECIDED, "decision_id", "route", "drawn", "inclusion_probability")
GROWTH = 1.5  # labels by which a try has to have more than the one before
_KEPT = ("purpose", "limits", "learning")
_POLICY = ("route", "bands", "approve_below", "cost_bad", "cost_review")  # no trainer changes what people have set


class Learning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model learns; in its card, which a certificate covers."""

    trainer: tuple[str, ...]  # a command; it is given a file of rows, and a folder to write the model into
    labels: int = 500  # fewer teach nothing
    test_share: float = 0.4  # of the labels, those decided last
    target: float | None = None  # of the certificate; three quarters of the break-even unless said
    delta: float = 0.05
    groups: tuple[str, ...] = ()  # columns that fairness is looked at by
    minutes: float = 60  # that the trainer may take
    memory_mb: int = 4096  # that each of its processes may take
    every_days: float | None = None  # it learns so often, also where nothing has gone wrong
    promote_after: int = 0  # live cases without too many wrong ones, after which it decides; 0: a person says so

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding tells."""
        if not self.trainer:
            raise ValueError("learning.trainer names no command")
        if not (
            0 < self.test_share < 1 and 0 < self.delta < 1 and 0 < (0.5 if self.target is None else self.target) < 1
        ):
            raise ValueError("learning.test_share, target and delta lie between 0 and 1")
        if self.labels < 1 or not 0 < self.minutes < math.inf or self.memory_mb < 1:
            raise ValueError("learning.labels, minutes and memory_mb are above 0")
        if self.promote_after < 0 or not (self.every_days is None or 0 < self.every_days < math.inf):
            raise ValueError("learning.promote_after is no number of cases, or every_days is not above 0")


class Gate(NamedTuple):
    """What was looked at before a model goes on, and what was found."""

    gate: str
    passed: bool
    says: str
    figures: dict[str, Any]


class Attempt(msgspec.Struct, frozen=True):
    """Labels that have tested a challenger of a version. Each look at the same question costs confidence."""

    version: str  # that decided
    labels_sha256: str
    labels: int
    at_ms: int


class Parts(NamedTuple):
    """The labels, split in time."""

    training: Rows
    test: Rows  # a fair sample of what was decided later
    since: str  # decided from then on: the test
    unseen: int  # of that time, which nobody could have looked at


def identity(rows: Rows, learning: Learning, version: str) -> str:
    """Tells one piece of learning from another: these labels, this trainer, this version to be better than."""
    said = json.dumps([rows.sha256, version, msgspec.to_builtins(learning)])
    return hashlib.sha256(said.encode()).hexdigest()


def counted(rows: Rows, learning: Learning, before: Sequence[Attempt] = ()) -> Gate:
    """Enough labels, and more than one kind; well more than the last time that they proved nothing.

    Raises ValueError where the rows are no labels.
    """
    for name in NEEDED:
        rows.column(name)
    kinds: dict[str, int] = {}
    for label in rows.column(LABEL):
        kinds[str(label)] = kinds.get(str(label), 0) + 1
    least = max(learning.labels, math.ceil(GROWTH * before[-1].labels) if before else 0)
    enough = len(rows.cases) >= least and len(kinds) > 1
    of = ", ".join(f"{name} {count}" for name, count in sorted(kinds.items()))
    says = f"{len(rows.cases)} labels ({of}), at least {least} of two kinds are needed"
    if before:
        says = f"{says}, as {before[-1].labels} were tried before"
    return Gate("labels", enough, says, {"labels": len(rows.cases), "least": least, "kinds": kinds})


def allowed(delta: float, before: int) -> float:
    """The part of delta that a try may spend after so many others: 1/2, 1/6, 1/12 ... of it, together never more."""
    return delta / ((before + 1) * (before + 2))


def shadowed(cases: int, alone: int, known: int, wrong: int, least: int, target: float) -> Gate:
    """Whether a challenger has done well beside the version that decides: of those live cases that it would have
    decided alone and whose truth is known."""
    figures = {"cases": cases, "alone": alone, "known": known, "wrong": wrong, "least": least}
    says = f"{cases} live cases, {alone} of them alone, {wrong} wrong of {known} known; at least {least} are needed"
    if known >= least and wrong > target * known:
        says = f"{says}, and at most {target:.1%} of them wrong"
    return Gate("tried", known >= least and wrong <= target * known, says, figures)


def parts(rows: Rows, learning: Learning) -> Parts:
    """Splits labels in time: what trains was decided before all that tests.

    Cases had unequal chances to be looked at: all that went to people, a share of what went alone. The test keeps each
    with the least chance of all over its own, by its id, so that all kept had the same.
    """
    ordered = sorted(rows.cases, key=lambda case: (str(case[DECIDED]), str(case["decision_id"])))
    since = str(ordered[min(len(ordered) - 1, round(len(ordered) * (1 - learning.test_share)))][DECIDED])
    later = [case for case in ordered if str(case[DECIDED]) >= since]
    looked_at = [case for case in later if case["route"] == REVIEW or str(case["drawn"]) == "True"]
    chances = [chance for case in looked_at if (chance := _chance(case)) > 0]
    least = min(chances, default=1.0)
    fair = [
        case for case in looked_at if _chance(case) > 0 and _drawn(str(case["decision_id"])) * _chance(case) < least
    ]
    return Parts(
        Rows(rows.columns, [case for case in ordered if str(case[DECIDED]) < since], rows.sha256),
        Rows(rows.columns, fair, rows.sha256),
        since,
        sum(_chance(case) <= 0 for case in later),
    )


def split(found: Parts, target: float, delta: float, *, audited: bool) -> Gate:
    """Whether the split can prove anything; `audited` is whether people look at what the model decides alone now."""
    least = math.ceil(math.log(delta / STARTS) / math.log(1 - target) / (1 - GRID_SHARE))  # if none were wrong
    figures = {
        "training": len(found.training.cases),
        "test": len(found.test.cases),
        "least": least,
        "since": found.since,
    }
    says = (
        f"{figures['training']} labels train; those decided from {found.since} on test, {figures['test']} of them as a "
        f"fair sample, at least {least} are needed"
    )
    if not audited or found.unseen:
        return Gate("split", False, f"{says}; but of what it decided alone then, people looked at nothing", figures)
    return Gate("split", bool(found.training.cases) and len(found.test.cases) >= least, says, figures)


def parity(seen: Checked) -> Gate:
    """Whether the file gives what the trainer says that its model gives."""
    figures = {"cases": seen.compared, "largest_gap": seen.largest_gap, "rows": seen.rows, "held": seen.held}
    if seen.faults:
        return Gate("parity", False, "; ".join(seen.faults), figures)
    if seen.largest_gap is None:
        return Gate("parity", False, f"the trainer has written no scores of its own, {PARITY_FILE}", figures)
    return Gate(
        "parity", True, f"{seen.compared} scores of the trainer, the largest gap {seen.largest_gap:.1e}", figures
    )


def draft(
    before: Mapping[str, Any], made: Mapping[str, Any], learned: str, found: Parts, name: str, version: str
) -> dict[str, Any]:
    """The card of what was learned, as far as it is known: as before, with what the trainer says, the policy as it was.

    Ranges of numbers come from the rows that it was trained on. Raises ValueError for a card of no use.
    """
    told = {"labels_sha256": found.training.sha256, "learned": learned, "decided_before": found.since}
    return renewed(before, made, {"source": f"labels of {name}@{version}", **told})


def renewed(before: Mapping[str, Any], made: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """A card, or one as far as it goes, with what a trainer says and what is known of the rows; the policy as it was.

    Raises ValueError for a card of no use.
    """
    for part in ("model", "routing", "data"):
        if not isinstance(made.get(part, {}), dict):
            raise ValueError(f"card.toml of the trainer: {part} is no section")
    card = {key: value for key, value in before.items() if key in _KEPT}
    if "inputs" not in made:
        if "inputs" in before:
            card["inputs"] = [_without(each, "minimum", "maximum") for each in before["inputs"]]
        card["reference"] = _without(before.get("reference", {}), "score")
        card["explaining"] = _without(before.get("explaining", {}), "linear")
    routing, model = before.get("routing", {}), before.get("model", {})
    policy = {key: value for key, value in routing.items() if key in _POLICY}
    card = {**card, **_without(made, "learning", "name", "version")}
    card["model"] = {**{key: model[key] for key in ("task", "labels") if key in model}, **made.get("model", {})}
    card["routing"] = {**routing, **made.get("routing", {}), **policy}
    card["data"] = {**made.get("data", {}), **data}
    return card


def _without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names}


def _chance(case: Mapping[str, Any]) -> float:
    chance = case.get("inclusion_probability")
    return float(chance) if isinstance(chance, int | float) else 0.0


def _drawn(decision_id: str) -> float:
    return int.from_bytes(hashlib.sha256(f"test\0{decision_id}".encode()).digest()[:8]) / 2**64


def trained_on(rows: Rows, inputs: Sequence[str]) -> Rows:
    """The rows with the columns that a model reads, for its card. Raises ValueError where one is not there."""
    for name in inputs:
        rows.column(name)
    return rows.without([name for name in rows.columns if name not in inputs])
