"""Who comes first in the demonstration: one for each way through customer onboarding, then whoever comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.sandbox.applications import applications
from infra.sandbox.compliance import SANCTIONED

SAFE: Mapping[str, Any] = {
    "checking_account": "A14", "credit_history": "A34", "savings": "A65", "employed_since": "A75", "property": "A121",
    "other_instalment_plans": "A143", "purpose": "A43", "duration_months": 12, "amount_dm": 1_500,
    "instalment_percent": 2, "residence_since": 4, "existing_credits": 2, "dependants": 1,
}  # fmt: skip
RISKY: Mapping[str, Any] = {
    "checking_account": "A11", "credit_history": "A30", "savings": "A61", "employed_since": "A72",
    "other_instalment_plans": "A141", "duration_months": 48, "amount_dm": 9_000, "instalment_percent": 4,
}  # fmt: skip


def _person(given: str, family: str) -> dict[str, Any]:
    email = f"{given}.{family}@example.org".lower()
    return {"applicant": {"given_name": given, "family_name": family, "email": email, "date_of_birth": None}}


FIRST: Mapping[str, Mapping[str, Any]] = {
    "approved": {**SAFE, **_person("Ada", "Lund")},
    "waits for a person": {**RISKY, **_person("Ben", "Kaya")},
    "on-hold": {**SAFE, **_person(*SANCTIONED[0][:2])},
}
"""What the first of them bring, by what becomes of them; everything else about them is drawn."""


def arriving(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """As `applications`, with the first of them as they are wanted."""
    given = iter(FIRST.values())
    for event in applications(seed, count):
        yield {**event, "data": {**event["data"], **next(given, {})}}
