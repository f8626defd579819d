"""Made-up credit applications, as many as wanted: what arrives in a demonstration and in a benchmark.

Field by field drawn from plausible shares that are written down here, not from anybody's rows; larger credits run
longer and people in work have more to show, nothing else hangs together. The same seed gives the same applications.
Nobody in here exists.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.business import EventTypes
from schemas.messages import APPLICATION_SUBMITTED

SOURCE = "https://branch.example.org/applications"

GIVEN_NAMES = ("Ada", "Ben", "Clara", "Deniz", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Liam", "Mila")
FAMILY_NAMES = (
    "Adler",
    "Brandt",
    "Celik",
    "Dahl",
    "Eklund",
    "Fuchs",
    "Grau",
    "Hansen",
    "Ito",
    "Jansen",
    "Kaya",
    "Lund",
)

# Shares in per cent of those who apply; none needs to add up to 100.
SHARES: Mapping[str, Mapping[str, int]] = {
    "checking_account": {"A11": 25, "A12": 25, "A13": 10, "A14": 40},
    "credit_history": {"A30": 4, "A31": 4, "A32": 54, "A33": 9, "A34": 29},
    "purpose": {
        "A40": 22, "A41": 11, "A42": 18, "A43": 28, "A44": 2, "A45": 2, "A46": 5, "A48": 1, "A49": 10, "A410": 1,
    },
    "savings": {"A61": 60, "A62": 11, "A63": 6, "A64": 5, "A65": 18},
    "other_debtors": {"A101": 91, "A102": 4, "A103": 5},
    "property": {"A121": 28, "A122": 23, "A123": 34, "A124": 15},
    "other_instalment_plans": {"A141": 14, "A142": 5, "A143": 81},
    "housing": {"A151": 18, "A152": 71, "A153": 11},
    "telephone": {"A191": 60, "A192": 40},
}  # fmt: skip
JOBS = {"A171": 2, "A172": 20, "A173": 63, "A174": 15}
EMPLOYED = {"A71": 4, "A72": 18, "A73": 34, "A74": 18, "A75": 26}
NUMBERS: Mapping[str, Mapping[int, int]] = {
    "instalment_percent": {1: 14, 2: 23, 3: 16, 4: 47},
    "residence_since": {1: 13, 2: 31, 3: 15, 4: 41},
    "existing_credits": {1: 63, 2: 33, 3: 3, 4: 1},
    "dependants": {1: 85, 2: 15},
}
DURATIONS = {6: 8, 9: 5, 12: 20, 15: 7, 18: 12, 24: 20, 30: 5, 36: 10, 48: 6, 60: 2}  # months
TYPICAL_RATE_DM = 130  # a month; the amount follows from rate and duration
RATE_SPREAD = 0.55  # standard deviation of the logarithm
AMOUNTS_DM = (300, 15_000)


def applications(seed: int, count: int | None = None) -> Iterator[dict[str, Any]]:
    """CloudEvents (structured JSON, no `time`) of type ApplicationSubmitted; endless without a count.

    Ids are `<seed>-<number>`, so a second run with the same seed repeats the same events.
    """
    drawn = random.Random(seed)
    numbers = itertools.count(1) if count is None else range(1, count + 1)
    declared = EventTypes.load().declared.values()
    kind = next(event.type for event in declared if event.record == APPLICATION_SUBMITTED)
    return (_event(kind, f"{seed}-{number:06d}", application(drawn, f"A-{seed}-{number:06d}")) for number in numbers)


def application(drawn: random.Random, application_id: str) -> dict[str, Any]:
    """The data of one event, every field of ApplicationSubmitted."""
    duration = _pick(drawn, DURATIONS)
    job = _pick(drawn, JOBS)
    unemployed = job == "A171" and drawn.random() < 0.5
    return {
        "application_id": application_id,
        "applicant": _applicant(drawn),
        **{field: _pick(drawn, shares) for field, shares in SHARES.items()},
        **{field: _pick(drawn, shares) for field, shares in NUMBERS.items()},
        "duration_months": duration,
        "amount_dm": _amount_dm(drawn, duration),
        "job": job,
        "employed_since": "A71" if unemployed else _pick(drawn, EMPLOYED),
    }


def _event(kind: str, event_id: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": kind,
        "subject": data["application_id"],
        "datacontenttype": "application/json",
        "data": data,
    }


def _applicant(drawn: random.Random) -> dict[str, Any]:
    given, family = drawn.choice(GIVEN_NAMES), drawn.choice(FAMILY_NAMES)
    email = f"{given}.{family}{drawn.randrange(1_000)}@example.org".lower()
    return {"given_name": given, "family_name": family, "email": email, "date_of_birth": None}


def _amount_dm(drawn: random.Random, duration_months: int) -> int:
    amount = duration_months * TYPICAL_RATE_DM * math.exp(drawn.gauss(0, RATE_SPREAD))
    return round(min(max(amount, AMOUNTS_DM[0]), AMOUNTS_DM[1]))


def _pick(drawn: random.Random, shares: Mapping[Any, int]) -> Any:
    return drawn.choices(tuple(shares), weights=tuple(shares.values()))[0]


def main() -> None:
    """Prints the data of applications, one on each line, ready for `exlify publish --file`."""
    parser = argparse.ArgumentParser(
        prog="infra.sandbox.applications", description="Print made-up credit applications."
    )
    parser.add_argument("--count", type=int, default=10, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same applications")
    options = parser.parse_args()
    for event in applications(options.seed, options.count):
        print(json.dumps(event["data"]))


if __name__ == "__main__":
    main()
