"""Support routing end to end in this process: the committed models, the lexicon, tables, people."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import streams.workflows
from models.serving.registry import Registry
from streams import catalogue
from streams.ground.settings import Settings
from streams.local import run_locally
from streams.processors.human.local import Answer, Answers
from tests.support.definitions import BUNDLED, load

TEXT = (Path(next(iter(streams.workflows.__path__))) / "support-routing.yaml").read_text(encoding="utf-8")
DECLARED = tuple(catalogue.processors(BUNDLED).values())


async def routed(
    desk: str, text: str, *sorted_as: str, answered: tuple[str, ...] = ("resolved",)
) -> tuple[dict[str, Any], bool]:
    """The outcome, and whether a person sorted it."""
    answers: Answers = {
        "sort": [Answer(each) for each in sorted_as],
        "resolve": [Answer(each, {"answer": f"answer {number}"}) for number, each in enumerate(answered)],
    }
    data = {"ticket_id": "T-1", "desk": desk, "text": text}
    report = await run_locally(load(TEXT), data, answers, Settings(), DECLARED, BUNDLED)
    assert report.status == "completed", report
    output: Any = report.output
    return output, any(task.endswith("/sort") for task in report.tasks)


@pytest.mark.parametrize(
    ("desk", "text", "intent", "team", "urgency"),
    [
        ("bank", "My new card has not arrived yet, how long does it take?", "card_arrival", "cards", "normal"),
        ("bank", "My card was stolen yesterday, please block it", "lost_or_stolen_card", "security", "critical"),
        ("bank", "Why was I charged twice for the same transaction?", "transaction_charged_twice", "payments", "high"),
        ("assistant", "what is the exchange rate from us dollars to euros", "exchange_rate", "payments", "normal"),
        ("assistant", "how do i jump start a car battery", "jump_start", "general", "normal"),
    ],
)
async def test_what_a_model_is_sure_of_goes_to_its_team(
    desk: str, text: str, intent: str, team: str, urgency: str
) -> None:
    output, sorted_by_hand = await routed(desk, text)
    assert (output["intent"], output["team"], output["urgency"], sorted_by_hand) == (intent, team, urgency, False)
    assert output["decisionId"] and output["because"]
    assert (output["resolvedBy"], output["answer"]) == ("local", "answer 0")


@pytest.mark.parametrize(
    ("desk", "text"),
    [
        ("assistant", "how many of the beatles are left handed drummers"),
        ("bank", "Do you sell umbrellas in the branch at the lake?"),
        ("bank", "zzqq xxyy"),
        ("assistant", ""),
    ],
)
async def test_what_is_about_something_else_is_for_a_person(desk: str, text: str) -> None:
    output, sorted_by_hand = await routed(desk, text, "accounts")
    assert (output["intent"], output["team"], output["urgency"], sorted_by_hand) == (None, "accounts", "normal", True)


async def test_what_is_not_for_whom_it_came_to_is_sorted_by_a_person_and_answered_by_another() -> None:
    output, sorted_by_hand = await routed(
        "bank", "Why was I charged twice for the same transaction?", "cards", answered=("elsewhere", "resolved")
    )
    assert (output["intent"], output["team"], sorted_by_hand) == (None, "cards", True)
    assert output["answer"] == "answer 1"


@pytest.mark.parametrize(
    ("text", "tone", "urgency"),
    [
        ("My new card has not arrived yet, please send it immediately", "negative", "high"),
        ("My new card still has not arrived, this is a horrible, terrible, disgusting service", "angry", "high"),
        ("My new card has not arrived yet", "neutral", "normal"),
    ],
)
async def test_haste_follows_from_cues_and_tone(text: str, tone: str, urgency: str) -> None:
    output, _ = await routed("bank", text, "cards")
    assert (output["tone"], output["urgency"], output["team"]) == (tone, urgency, "cards")


def test_tables_name_intents_that_models_have() -> None:
    models = [Registry().get(name) for name in ("banking-intent", "assistant-intent")]
    known = {label for model in models for label in model.card.model.labels}
    named = {each for listed in re.findall(r"intent: \[(.+?)\]", TEXT) for each in json_list(listed)}
    assert named <= known and len(named) > 60


def json_list(text: str) -> list[str]:
    """The names in a list of YAML."""
    return [json.loads(name) if name.startswith('"') else name for name in text.split(", ")]
