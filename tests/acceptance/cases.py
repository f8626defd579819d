"""Applications with what must become of them: the model's own route, the reviewer's word, the outside systems' answers.

What is expected is computed from the model and from the sandbox's rules directly, so nothing of the streams is its own
witness. The credit fields are those of the German credit data where it is at hand, else made up; people never are real.
"""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from infra.sandbox import systems
from infra.sandbox.applications import FAMILY_NAMES, GIVEN_NAMES, applications
from infra.sandbox.compliance import SANCTIONED
from models.decisions.credit_risk.data import from_german_row
from models.serving.registry import Registry
from schemas import ids
from streams.gateway.hooks import BUILT_IN

WORKFLOW = "customer-onboarding"
HOOK = "applications"
ROOT = Path(__file__).parents[2]
SHARED_DATA = Path(os.environ.get("EXLIFY_SHARED_DATA") or ROOT.parent / "shared" / "data")
GERMAN_ROWS = SHARED_DATA / "german-credit" / "train.data"
NO_GERMAN_ROWS = f"{GERMAN_ROWS} is not there; EXLIFY_SHARED_DATA names the folder of the German credit data"


@dataclass(frozen=True)
class Case:
    """One application and the delivery that brings it."""

    delivery_id: str
    data: Mapping[str, Any]

    @property
    def application_id(self) -> str:
        """The business's own name for it."""
        return str(self.data["application_id"])

    @property
    def source(self) -> str:
        """CloudEvents source of its event."""
        return str(BUILT_IN[HOOK]["source"])

    @property
    def instance_id(self) -> str:
        """The instance that its event starts, however often it arrives."""
        return ids.instance_id(WORKFLOW, self.source, self.delivery_id)

    @property
    def body(self) -> bytes:
        """The webhook's body."""
        return orjson.dumps(self.data)


@dataclass(frozen=True)
class Expected:
    """What must come out of a case."""

    route: str
    score: float | None
    decision: str  # approved, rejected or on-hold
    identity: str | None  # None: a reviewer has rejected it, so nobody asked
    sanctioned: bool | None

    @property
    def opens_account(self) -> bool:
        """Whether the outside systems are asked at all."""
        return self.identity is not None


def german(run: str) -> list[Case]:
    """Every row of the German credit data; `run` keeps the ids of several runs apart."""
    lines = GERMAN_ROWS.read_text().splitlines()
    return _cases(run, (from_german_row(line) for line in lines if line.strip()))


def made_up(run: str, count: int, seed: int = 20) -> list[Case]:
    """Applications of the project's own generator."""
    return _cases(run, (event["data"] for event in applications(seed, count)))


def _cases(run: str, rows: Iterable[Mapping[str, Any]]) -> list[Case]:
    drawn = random.Random(run)
    return [
        Case(f"{run}-{n:04d}", {**fields, "application_id": f"A-{run}-{n:04d}", "applicant": _applicant(drawn, run, n)})
        for n, fields in enumerate(rows)
    ]


def _applicant(drawn: random.Random, run: str, number: int) -> dict[str, Any]:
    given, family = drawn.choice(GIVEN_NAMES), drawn.choice(FAMILY_NAMES)
    email = f"{given}.{family}.{run}.{number}@example.org".lower()
    return {"given_name": given, "family_name": family, "email": email, "date_of_birth": None}


def reviewers_word(application_id: str) -> str:
    """What the reviewer decides: the same for the same application."""
    return "reject" if zlib.crc32(application_id.encode()) % 4 == 0 else "approve"


def expected(case: Case, registry: Registry) -> Expected:
    """What must become of a case, without any of the streams."""
    verdict = registry.get("credit-risk").decide(case.data)
    if verdict.route == "review" and reviewers_word(case.application_id) == "reject":
        return Expected(verdict.route, verdict.score, "rejected", None, None)
    applicant = case.data["applicant"]
    identity = orjson.loads(systems.verify(orjson.dumps({"applicant": applicant})))["status"]
    name = applicant["given_name"], applicant["family_name"]
    sanctioned = any(name == entry[:2] for entry in SANCTIONED)
    cleared = identity == "verified" and not sanctioned
    return Expected(verdict.route, verdict.score, "approved" if cleared else "on-hold", identity, sanctioned)
